"""What is done in gtrack's dashboard: a table, a filter, a run; or curves, and a zoom into them."""

from __future__ import annotations

from dashboard_tour import Visit

_COUNT = """() => [...document.querySelectorAll('[data-testid=stCaptionContainer]')]
  .map(caption => / of ([\\d,]+) runs/.exec(caption.textContent)?.[1]).find(Boolean)"""
_TABLE = """() => {
  const canvas = document.querySelector('[data-testid=stDataFrame] canvas');
  if (!canvas?.width) return 0;
  const pixels = canvas.getContext('2d').getImageData(60, 40, 400, 300).data;
  const seen = new Set(pixels);
  let sum = 1;
  for (const value of pixels) sum = (Math.imul(sum, 31) + value) | 0;
  return seen.size > 8 && (sum || 1);
}"""
"""The first rows' pixels, once there is something in them."""
_DRAWN = """() => {
  const panels = [...document.querySelectorAll('.gtrack-panel')]
    .filter(panel => panel.getBoundingClientRect().top < innerHeight);
  return panels.length && panels.every(panel => panel.dataset.state === 'drawn') &&
    document.querySelector('.gtrack-plot').data.length;
}"""
_FINE = """() => {
  const plot = document.querySelector('.gtrack-plot');
  const [low, high] = plot._fullLayout.xaxis.range;
  return [plot.data[0].x.filter(x => x > low && x < high).length, high - low];
}"""
"""How many points of a curve are within what is shown, and how wide that is."""


def arrive(visit: Visit) -> None:
    """Open the page, and look at what is on it."""
    if "curves" in visit.known:
        visit.page.goto(f"{visit.url}/charts?count={visit.known['curves']}")
        found = visit.until(_DRAWN)
        assert found == visit.known["curves"], f"{found} curves"
        return
    visit.page.goto(visit.url)
    visit.until(_COUNT)
    visit.until(_TABLE)


def stay(visit: Visit) -> None:
    """Do what one does there."""
    if "curves" in visit.known:
        _zoom(visit)
    else:
        _filter(visit)
        _open(visit)


def _filter(visit: Visit) -> None:
    for where in visit.known["filters"]:
        count, table = visit.until(_COUNT), visit.until(_TABLE)
        visit.page.get_by_label("Filter").fill(where)
        with visit.timed("filter"):
            visit.page.keyboard.press("Enter")
            visit.until(f"before => {{ const now = ({_COUNT})(); return now && now !== before; }}", count)
            visit.until(f"before => {{ const now = ({_TABLE})(); return now && now !== before; }}", table)


def _open(visit: Visit) -> None:
    box = visit.page.locator("[data-testid=stDataFrame]").first.bounding_box()
    with visit.timed("open"):
        visit.page.mouse.click(box["x"] + 110, box["y"] + 38 + 17)
        visit.until("() => location.search.includes('id=')")
        visit.until("name => document.querySelector('[data-testid=stMain]').innerText.includes(name)", "val_auc")
        visit.until("() => document.querySelector('[data-testid=stTabs]') !== null")


def _zoom(visit: Visit) -> None:
    plot = visit.page.locator(".gtrack-plot .nsewdrag").first.bounding_box()
    points, wide = visit.page.evaluate(_FINE)
    middle = plot["y"] + plot["height"] / 2
    visit.page.mouse.move(plot["x"] + 0.4 * plot["width"], middle)
    visit.page.mouse.down()
    visit.page.mouse.move(plot["x"] + 0.5 * plot["width"], middle, steps=4)
    with visit.timed("zoom"):
        visit.page.mouse.up()
        visit.until(
            f"([points, wide]) => {{ const now = ({_FINE})(); return now[1] < wide / 4 && now[0] > points / 4; }}",
            [points, wide],
        )
