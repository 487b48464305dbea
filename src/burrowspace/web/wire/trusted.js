/**
 * The one door for addresses of scripts: under `require-trusted-types-for 'script'` no worker and no service worker
 * starts but through the policy `burrow-worker`. Only addresses that this code wrote come here, never one from outside.
 */

/** @type {{createScriptURL: (url: string) => unknown} | undefined} */ let policy;

/** An address of ours, as a page with Trusted Types wants it; its policy is named `burrow-worker`. @param {URL} url @returns {unknown} */
export function trusted(url) {
  const types = /** @type {any} */ (globalThis).trustedTypes;
  if (!types) return url;
  policy ??= types.createPolicy("burrow-worker", { createScriptURL: (/** @type {string} */ address) => address });
  return policy?.createScriptURL(url.href);
}
