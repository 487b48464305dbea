export function SwaggerUI(options: {
  url?: string;
  spec?: unknown;
  dom_id: string;
  deepLinking?: boolean;
  queryConfigEnabled?: boolean;
  validatorUrl?: string | null;
}): unknown;
