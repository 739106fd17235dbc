/* Making elements; text is always text. */

const SVG = "http://www.w3.org/2000/svg";

/** Return a new element with a class and a text. */
export function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

/** Return a button with an icon and a name. */
export function button(name, path, action) {
  const made = element("button");
  made.type = "button";
  made.title = name;
  made.setAttribute("aria-label", name);
  const icon = document.createElementNS(SVG, "svg");
  icon.setAttribute("viewBox", "0 0 16 16");
  icon.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  icon.append(line);
  made.append(icon);
  made.addEventListener("click", action);
  return made;
}

/** Return the nearest ancestor that scrolls; null where that is the window. */
export function scroller(node) {
  for (let at = node.parentElement; at; at = at.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(at).overflowY)) return at;
  }
  return null;
}
