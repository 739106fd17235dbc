// A line for a filter, with the names and values that there are offered as they are typed.
//
// It is the ARIA pattern of an editable combobox with a list:
// https://www.w3.org/WAI/ARIA/apg/patterns/combobox/

const MOST = 12;
const MOST_VALUES = 20;
const WORD = /[A-Za-z_`"][\w.@:/`"-]*$/;
// A field, what asks whether it equals something, and the value that is begun: gtrack/index/tokens.py has the language.
const QUOTED = '`(?:[^`]|``)*`|"(?:[^"]|"")*"';
const FIELD = `(?:[\\p{L}_][\\p{L}\\p{N}_]*|${QUOTED})(?:\\.(?:[\\p{L}\\p{N}_@:/-]+|${QUOTED}))*`;
const BARE = "[\\p{L}\\p{N}_.+:@%/-]";
const WHOLE = `(?:'(?:[^']|'')*'|"(?:[^"]|"")*"|${BARE}+)`;
const BEGUN = `(?:'(?:[^']|'')*|"(?:[^"]|"")*|${BARE}*)`;
const EQUALS = `(?:==?|!=|<>|(?<=\\s)(?:NOT\\s+)?IN\\s*\\((?:\\s*${WHOLE}\\s*,)*)`;
const VALUE = new RegExp(`(${FIELD})\\s*${EQUALS}\\s*(${BEGUN})$`, "iu");
const KEYWORDS = ["AND", "OR", "NOT", "IN", "LIKE", "ILIKE", "REGEXP", "BETWEEN", "IS NULL", "IS NOT NULL"];

export default function (component) {
  const { data, parentElement, setStateValue, setTriggerValue } = component;
  const root = parentElement.querySelector(".filter");
  const box = (root.box ??= new FilterBox(root));
  box.update(
    data,
    (value) => setStateValue("value", value),
    (field) => setTriggerValue("asked", field),
  );
}

class FilterBox {
  constructor(root) {
    this.label = root.querySelector("label");
    this.input = root.querySelector("input");
    this.list = root.querySelector("ul");
    this.words = [];
    this.shown = [];
    this.active = -1;
    this.sent = null;
    /** The values of each field that was asked for, null until there is an answer. */
    this.values = new Map();
    this.input.addEventListener("focus", () => this.values.clear());
    this.input.addEventListener("input", () => this.suggest());
    this.input.addEventListener("keydown", (event) => this.onKey(event));
    this.input.addEventListener("blur", () => {
      this.close();
      this.commit();
    });
    // Before the input loses the focus to the list.
    this.list.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      const chosen = event.target.closest("li");
      if (chosen) this.accept(Number(chosen.dataset.number));
    });
  }

  update(data, send, ask) {
    this.send = send;
    this.ask = ask;
    this.offers = data.offers;
    this.learn(data.values);
    this.words = [...data.words, ...KEYWORDS];
    this.label.textContent = data.label;
    this.input.placeholder = data.placeholder;
    this.input.setAttribute("aria-invalid", String(data.invalid));
    if (data.value === this.sent) return;
    const typing = this.input.matches(":focus") && this.sent !== null && this.input.value !== this.sent;
    if (!typing) this.input.value = data.value;
    this.sent = data.value;
  }

  commit() {
    if (this.input.value === this.sent) return;
    this.sent = this.input.value;
    this.send(this.sent);
  }

  /** Take in an answer, and offer it where it is still waited for. */
  learn(values) {
    for (const [field, known] of Object.entries(values)) {
      const awaited = this.values.get(field) === null;
      this.values.set(field, known);
      if (awaited && this.input.matches(":focus") && this.value()?.field === field) this.suggest();
    }
  }

  /** The value that ends where the caret is, of which field it is, and where it begins. */
  value() {
    const before = this.input.value.slice(0, this.input.selectionStart);
    const found = this.offers ? VALUE.exec(before) : null;
    return found && { field: found[1], text: found[2], start: before.length - found[2].length };
  }

  /** The word that ends where the caret is, and where it begins. */
  word() {
    const before = this.input.value.slice(0, this.input.selectionStart);
    const found = WORD.exec(before);
    const inQuotes = (before.match(/'/g) ?? []).length % 2 === 1;
    return found && !inQuotes ? { text: found[0], start: found.index } : null;
  }

  suggest() {
    const value = this.value();
    if (value) return this.suggestValues(value);
    const word = this.word();
    if (!word) return this.close();
    const wanted = word.text.toLowerCase();
    const ranked = this.words
      .map((name) => ({ name, at: name.toLowerCase().indexOf(wanted) }))
      .filter(({ name, at }) => at >= 0 && name !== word.text)
      .sort((one, other) => rank(one) - rank(other));
    this.shown = ranked.slice(0, MOST).map(({ name }) => name);
    this.active = -1;
    this.draw();
  }

  suggestValues({ field, text }) {
    const known = this.values.get(field);
    if (known === undefined) {
      this.values.set(field, null);
      this.ask(field);
    }
    const wanted = plain(text).toLowerCase();
    const ranked = (known ?? [])
      .map((name) => ({ name, at: plain(name).toLowerCase().indexOf(wanted) }))
      .filter(({ name, at }) => at >= 0 && name !== text)
      .sort((one, other) => (one.at > 0) - (other.at > 0)); // the commonest first, as they came
    this.shown = ranked.slice(0, MOST_VALUES).map(({ name }) => name);
    this.active = -1;
    this.draw();
  }

  draw() {
    this.list.replaceChildren(
      ...this.shown.map((name, number) => {
        const item = document.createElement("li");
        item.id = `${this.list.id}-${number}`;
        item.role = "option";
        item.dataset.number = number;
        item.textContent = name;
        item.setAttribute("aria-selected", String(number === this.active));
        return item;
      }),
    );
    const open = this.shown.length > 0;
    this.list.hidden = !open;
    this.input.setAttribute("aria-expanded", String(open));
    const chosen = this.list.children[this.active];
    if (chosen) {
      this.input.setAttribute("aria-activedescendant", chosen.id);
      chosen.scrollIntoView({ block: "nearest" });
    } else {
      this.input.removeAttribute("aria-activedescendant");
    }
  }

  close() {
    this.shown = [];
    this.active = -1;
    this.draw();
  }

  accept(number) {
    const word = this.value() ?? this.word();
    const name = this.shown[number];
    if (!word || name === undefined) return;
    let after = this.input.value.slice(this.input.selectionStart);
    if (/^['"]/.test(word.text)) after = after.replace(/^[^\s'"]*['"]/, ""); // the rest of the value
    after = after.replace(/^ /, "");
    const before = `${this.input.value.slice(0, word.start)}${name} `;
    this.input.value = before + after;
    this.input.setSelectionRange(before.length, before.length);
    this.close();
  }

  onKey(event) {
    const count = this.shown.length;
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && count) {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.active = this.active < 0 && step < 0 ? count - 1 : (this.active + step + count) % count;
      this.draw();
    } else if (event.key === "Enter" || (event.key === "Tab" && this.active >= 0)) {
      if (this.active >= 0) {
        event.preventDefault();
        this.accept(this.active);
      } else {
        this.close();
        this.commit();
      }
    } else if (event.key === "Escape" && count) {
      event.stopPropagation();
      this.close();
    }
  }
}

/** Names that begin with what was typed come first, then those of which a part does, then shorter ones. */
function rank({ name, at }) {
  const begins = at === 0 ? 0 : /[\w]/.test(name[at - 1]) ? 2 : 1;
  return begins * 10000 + name.length;
}

/** The text of a value without its quotes, or of one that is begun. */
function plain(text) {
  const quote = text[0];
  if (quote !== "'" && quote !== '"') return text;
  return text.slice(1).replaceAll(quote + quote, "\0").replace(quote, "").replaceAll("\0", quote);
}
