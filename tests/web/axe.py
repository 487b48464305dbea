"""axe-core on a page as it is now, and the contrast of what it cannot decide."""

from pathlib import Path
from typing import Any

from playwright.async_api import Page

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
LEAST = 4.5  # the contrast that text of any size needs (WCAG 2.2, 1.4.3)

# The colours that are painted under a text: of every background of it and of what it stands on, gradients included.
CONTRASTS = """(selectors) => {
  const within = (root, selector) => (root.shadowRoot ?? root).querySelector(selector);
  const deep = (path) => [path].flat().reduce(within, document);
  const sheet = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const canvas = sheet.getContext("2d", { willReadFrequently: true });
  const painted = (colour, under) => {
    canvas.fillStyle = `rgb(${under})`;
    canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  };
  const light = (colour) => {
    const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = colour.map((each) => linear(each / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const parent = (element) => element.assignedSlot ?? element.parentElement ?? element.getRootNode().host;
  return selectors.map((path) => {
    const element = deep(path);
    const layers = [];
    for (let at = element; at; at = parent(at)) layers.unshift(getComputedStyle(at));
    let under = [[255, 255, 255]];
    for (const { backgroundColor, backgroundImage } of layers) {
      under = under.map((each) => painted(backgroundColor, each));
      // The words of the burrow stand on the innermost colour of its gradient.
      const [first] = backgroundImage.match(/rgba?\\([^)]*\\)|color\\([^)]*\\)/g) ?? [];
      if (first) under = under.map((each) => painted(first, each));
    }
    const ratios = under.map((back) => {
      const ink = painted(getComputedStyle(element).color, back);
      const [dark, bright] = [light(ink), light(back)].sort((one, other) => one - other);
      return (bright + 0.05) / (dark + 0.05);
    });
    return [element.textContent.trim().slice(0, 60), Math.min(...ratios)];
  });
}"""


async def run(page: Page, kind: str) -> list[dict[str, Any]]:
    await page.evaluate(AXE.read_text())
    found: dict[str, Any] = await page.evaluate(f"axe.run(document, {{resultTypes: ['{kind}']}})")
    return list(found[kind])


async def violations(page: Page) -> list[str]:
    """What axe-core has to say of the page as it is now, with what it says it of."""
    found = await run(page, "violations")
    return [f"{each['id']}: {node['html'][:160]}" for each in found for node in each["nodes"]]


async def faint(page: Page) -> list[str]:
    """Texts whose contrast axe-core cannot decide, for a gradient or a picture is behind them, and which is too low."""
    found = [each for each in await run(page, "incomplete") if each["id"] == "color-contrast"]
    paths = [node["target"][0] for each in found for node in each["nodes"]]
    measured: list[tuple[str, float]] = await page.evaluate(CONTRASTS, paths)
    return [f"{text}: {ratio:.2f}" for text, ratio in measured if ratio < LEAST]
