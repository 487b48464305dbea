export function SwaggerUI(options: {
  url: string;
  dom_id: string;
  deepLinking?: boolean;
  queryConfigEnabled?: boolean;
  validatorUrl?: string | null;
}): unknown;
