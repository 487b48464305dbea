"""What a screen reader would say of a page, in order: changes of live regions, and where the focus goes."""

from playwright.async_api import BrowserContext, Page

# A region that was there before its text is read when the text changes; an alert also when it comes with its text.
LISTENS = """(() => {
  globalThis.heard = [];
  const last = new WeakMap();
  const regions = "[role=status], [role=alert], [aria-live]";
  const say = (element, fresh) => {
    const text = element.textContent.replace(/\\s+/g, " ").trim();
    if (last.get(element) === text) return;
    last.set(element, text);
    if (text && (!fresh || element.getAttribute("role") === "alert")) heard.push(text);
  };
  const look = (root) => {
    const known = new WeakSet(root.querySelectorAll(regions));
    for (const each of root.querySelectorAll(regions)) say(each, true);
    new MutationObserver(() => {
      for (const each of root.querySelectorAll(regions)) {
        say(each, !known.has(each));
        known.add(each);
      }
    }).observe(root, { childList: true, characterData: true, subtree: true });
  };
  const attach = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function (how) {
    const root = attach.call(this, how);
    look(root);
    return root;
  };
})()"""
FOCUSED = """(() => {
  let found = document.activeElement;
  while (found?.shadowRoot?.activeElement) found = found.shadowRoot.activeElement;
  return found === document.body ? "" : (found.getAttribute("aria-label") || found.innerText || found.localName).trim();
})()"""


async def listens(context: BrowserContext) -> None:
    await context.add_init_script(LISTENS)


async def heard(page: Page) -> list[str]:
    return list(await page.evaluate("heard"))


async def focused(page: Page) -> str:
    """The name of what has the focus; empty: nothing has."""
    return str(await page.evaluate(FOCUSED))
