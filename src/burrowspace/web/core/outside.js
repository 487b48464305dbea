/** What a server says of how its callers reach each other: STUN and TURN servers. Spec: docs/spec/http.md. */

const SERVERS = 16;

/** What the server says of the outside. `until`: when, by the clock of `now`, the credentials in `servers` end; null
 * without any. @typedef {{servers: RTCIceServer[], until: number | null}} Outside */

/** @param {RTCIceServer} server */
export const isTurn = ({ urls }) => [urls].flat().some((url) => /^turns?:/.test(url));

/** STUN and TURN servers of `GET /hello`; what cannot be read there is as if it was not said.
 * @param {Record<string, unknown>} hello @param {number} now @returns {Outside} */
export function outside(hello, now) {
  const said = Array.isArray(hello.ice_servers) ? hello.ice_servers.slice(0, SERVERS) : [];
  const servers = said.flatMap((each) => {
    const urls = [each?.urls ?? []].flat().filter((url) => typeof url === "string");
    const { username, credential } = each ?? {};
    return urls.length ? [{ urls, ...(username ? { username, credential } : {}) }] : [];
  });
  return { servers, until: typeof hello.ice_ttl_s === "number" ? now + hello.ice_ttl_s : null };
}
