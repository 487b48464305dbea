/**
 * The links that this tab was opened by, until their transfers are over. Loaded before everything else of the page: as
 * soon as it runs, the secret is out of the address bar and of the tab's history, where a glance, a screenshot or the
 * next person at this browser would find it. The tab's session storage keeps it for a reload, and goes with the tab. It
 * imports nothing: nothing that fails to load may keep the secret where it was.
 */

const SHELF = "burrow-opened";
const LINKS_MOST = 12;
const LINK_CHARS = 1024; // a link has less (core/links.js), and what has more is refused whatever follows

// A proxy may have put a path in front; behind web/ stands the version of the page.
const BASE = new URL(import.meta.url.replace(/web\/(?:@\w+\/)?store\/opened\.js.*$/, "")).pathname;

/** Where the browser keeps nothing. @type {string[]} */ let memory = [];

export const opened = {
  /** Takes the link out of the address, if there is one. */
  take() {
    if (!linkOf(location.href)) return;
    opened.add(location.href);
    history.replaceState(history.state, "", `${BASE}r`);
  },

  /** The oldest first. @returns {string[]} */
  list() {
    try {
      const found = JSON.parse(sessionStorage.getItem(SHELF) ?? "[]");
      return Array.isArray(found) ? found.filter((each) => typeof each === "string") : [];
    } catch {
      return memory;
    }
  },

  /** One that came by another way than the address. @param {string} address */
  add(address) {
    const link = linkOf(address);
    if (!link) return;
    keep([...opened.list().filter((each) => each !== link), link.slice(0, LINK_CHARS)].slice(-LINKS_MOST));
  },

  /** Those that need not be opened again. @param {(link: string) => boolean} which */
  drop(which) {
    keep(opened.list().filter((link) => !which(link)));
  },
};

/** @param {string[]} links */
function keep(links) {
  memory = links;
  try {
    if (links.length) sessionStorage.setItem(SHELF, JSON.stringify(links));
    else sessionStorage.removeItem(SHELF);
  } catch {
    return; // a reload will not know it any more
  }
}

/** Without what counts visitors, which would crowd out the secret. Empty: it is no link. @param {string} address */
function linkOf(address) {
  const { origin, hash, pathname } = new URL(address);
  return hash && pathname.replace(/\/$/, "") === `${BASE}r` ? `${origin}${pathname}${hash}` : "";
}

opened.take();
