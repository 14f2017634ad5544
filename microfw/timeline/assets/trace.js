// One request: its spans as nested blocks, the source that ran, the way of its exceptions.

import { h, panel, place, status, time } from "./html.js";

const BAD = new Set(["raised", "replaced", "swallowed", "cut off", "cancelled", "invalid"]);
const IO = new Set(["receive", "read", "wait", "response", "send", "accept", "close", "disconnect"]);
const OWN = new Set(["setup", "endpoint", "exit", "handler", "task", "around"]);
const MOMENTS = new Set(["receive", "send", "accept", "close", "disconnect"]);
const ROW = 24;

export function showTrace(trace, select) {
  const view = new View(trace, select);
  return view;
}

class View {
  constructor(trace, onSelect) {
    this.trace = trace;
    this.onSelect = onSelect;
    this.total = Math.max(trace.duration, 1);
    this.slowest = slowest(trace);
    this.rows = trace.spans.map((span, number) => this.row(span, number));
    this.lines = sourceLines(trace, (number) => this.select(number));
    this.facts = h("dl");
    this.selected = -1;
    const side = [this.way(), this.values(), this.held(), this.logs(), panel("Span", this.facts)];
    this.element = h("article", {}, this.title(), this.chart(),
      h("div", { class: "columns" },
        trace.source ? panel("Generated source, as it ran", h("div", { class: "source" }, ...this.lines)) : h("div"),
        h("div", {}, ...side.filter(Boolean))));
    const first = trace.spans.findIndex((span) => span.outcome === "swallowed" || span.outcome === "cut off");
    const failed = trace.spans.findIndex((span) => span.raised && OWN.has(span.kind));
    this.select([first, failed, this.slowest].find((number) => number >= 0) ?? 0);
  }

  title() {
    const { method, name, route, duration, error } = this.trace;
    return h("div", { class: "title" }, status(this.trace.status), h("h2", {}, `${method} ${name}`),
      h("span", { class: "fact" }, time(duration)),
      route && route !== name ? h("span", { class: "fact" }, route) : null,
      error ? h("span", { class: "fact bad" }, error) : null);
  }

  left(nanoseconds) {
    return `${(nanoseconds / this.total) * 100}%`;
  }

  chart() {
    const ticks = [0, 1, 2, 3, 4].map((n) =>
      h("span", { style: { left: `${n * 25}%` } }, time((this.total * n) / 4)));
    const legend = [["use", 'scope "use"'], ["function", 'scope "function"'], ["request", 'scope "request"'], ["app", 'scope "app"'],
      ["none", "no exit code"], ["io", "reading, waiting, sending"]];
    return h("section", { class: "panel" },
      h("div", { class: "chart", role: "listbox", "aria-label": "Spans" },
        h("div", { class: "axis" }, ...ticks), h("div", { class: "blocks" }, ...this.blocks()), ...this.rows,
        this.lanes()),
      h("div", { class: "legend" }, ...legend.map(([name, text]) => h("span", { class: name }, text))));
  }

  blocks() {
    const { spans } = this.trace;
    const blocks = [];
    spans.forEach((span, number) => {
      if (span.kind !== "open" && span.kind !== "background") return;
      let last = number;
      while (spans[last + 1] && spans[last + 1].depth > span.depth) last += 1;
      blocks.push(h("i", { class: colour(span), style: {
        left: this.left(span.start), width: this.left(span.end - span.start),
        top: `${number * ROW + 2}px`, height: `${(last - number + 1) * ROW - 3}px`,
      } }));
    });
    return blocks;
  }

  row(span, number) {
    const names = ["row", span.kind, colour(span)];
    if (BAD.has(span.outcome) && span.kind !== "open" && span.outcome !== "passed") names.push("failed");
    if (number === this.slowest) names.push("slow");
    const left = this.left(span.start);
    const bar = span.kind === "open" ? null
      : h("div", { class: "bar", style: { left, width: this.left(span.end - span.start) } });
    return h("div", { class: names.join(" "), role: "option", onclick: () => this.select(number) },
      h("div", { class: "label", style: { paddingLeft: `${span.depth * 14}px` }, title: label(span) },
        span.kind === "open" ? h("small", {}, "with") : h("small", {}, span.kind),
        MOMENTS.has(span.kind) ? null : ` ${span.name}`,
        ...(span.kind === "open" && span.scope ? [" ", h("em", {}, span.scope)] : [])),
      h("div", { class: "track" }, bar, this.said(span)),
      h("div", { class: "took" }, time(span.end - span.start)));
  }

  said(span) {
    const text = noted(span);
    if (!text) return null;
    const isLate = span.end / this.total > 0.6;
    const style = isLate ? { right: `${100 - (span.start / this.total) * 100}%` } : { left: this.left(span.end) };
    const bad = span.outcome !== "ok" && span.outcome !== "passed" && span.kind !== "open";
    return h("span", { class: bad ? "said bad" : "said", style }, text);
  }

  lanes() {
    const threads = [...new Set([0, ...this.trace.spans.map((span) => span.thread)])].sort((a, b) => a - b);
    return h("div", { class: "lanes" }, ...threads.map((thread) => h("div", { class: "lane" },
      h("span", {}, thread ? `worker thread ${thread}` : "event loop"),
      h("div", {}, ...this.trace.spans.map((span, number) => [span, number])
        .filter(([span]) => span.thread === thread && span.kind !== "open" && span.kind !== "wait")
        .map(([span, number]) => h("i", {
          class: `${colour(span)} ${BAD.has(span.outcome) ? "failed" : ""}`, title: label(span),
          style: { left: this.left(span.start), width: this.left(span.end - span.start) },
          onclick: () => this.select(number),
        }))))));
  }

  way() {
    const { spans } = this.trace;
    const first = spans.filter((span) => span.raised && !["open", "exit"].includes(span.kind))
      .sort((a, b) => a.end - b.end)[0] ?? spans.find((span) => span.kind === "exit" && span.raised);
    if (!first) return null;
    const items = [h("li", {}, h("code", {}, first.raised), " left ", h("code", {}, label(first)), " ",
      h("small", {}, raisedAt(first)))];
    for (const span of spans) {
      if (span === first || span.start < first.start || !span.saw) continue;
      const does = span.kind === "handler" ? "answered it" : does_(span);
      const ends = span.kind === "handler" || span.outcome === "swallowed";
      items.push(h("li", { class: ends ? "end" : "" }, h("code", {}, label(span)), ` saw ${span.saw}, ${does}`));
    }
    if (this.trace.error) items.push(h("li", {}, h("code", {}, this.trace.error), " went on to the server"));
    return panel("Exceptions, on their way outward", h("ol", { class: "way" }, ...items));
  }

  values() {
    if (!this.trace.values.length) return null;
    return panel("Values", h("table", { class: "values" }, ...this.trace.values.map((value) => h("tr", {
      onclick: () => this.select(value.span),
    }, h("td", {}, h("code", {}, value.name)), h("td", {}, h("code", {}, value.text)),
    h("td", {}, this.trace.spans[value.span].name)))));
  }

  held() {
    const open = this.trace.spans.filter((span) => span.kind === "open").sort((a, b) => duration(b) - duration(a));
    if (!open.length) return null;
    return panel("Held open", h("table", {}, ...open.map((span) => h("tr", {},
      h("td", {}, h("code", {}, span.name)), h("td", {}, span.scope ?? ""),
      h("td", { class: "number" }, time(duration(span))),
      h("td", { class: "number" }, `${Math.round((duration(span) / this.total) * 100)} %`)))));
  }

  logs() {
    if (!this.trace.logs.length) return null;
    return panel("Logged", h("table", { class: "log" }, ...this.trace.logs.map((line) =>
      h("tr", { class: line.level }, h("td", { class: "number" }, time(line.at)), h("td", {}, line.level),
        h("td", {}, `${line.logger}: ${line.message}`)))));
  }

  select(number) {
    const span = this.trace.spans[number];
    if (!span) return;
    this.rows[this.selected]?.removeAttribute("aria-selected");
    this.selected = number;
    this.rows[number].setAttribute("aria-selected", "true");
    this.lines.forEach((line, at) => line.classList.toggle("here", at + 1 === span.at));
    this.facts.replaceChildren(...facts(span));
    this.onSelect?.(number);
  }

  move(step) {
    this.select(Math.min(Math.max(this.selected + step, 0), this.trace.spans.length - 1));
    this.rows[this.selected]?.scrollIntoView({ block: "nearest" });
  }
}

function colour(span) {
  if (IO.has(span.kind)) return "io";
  return span.scope ?? "none";
}

function label(span) {
  if (MOMENTS.has(span.kind)) return span.kind;
  return span.kind === "open" ? span.name : `${span.kind} ${span.name}`;
}

function duration(span) {
  return span.end - span.start;
}

function noted(span) {
  if (span.kind === "open") return "";
  const parts = [];
  if (span.saw) parts.push(`saw ${span.saw}`);
  if (span.outcome !== "ok") parts.push(span.kind === "exit" ? does_(span) : span.outcome);
  if (span.raised && span.kind !== "exit") parts.push(span.raised);
  return parts.join(", ").replace("raised, ", "raised ");
}

function does_(span) {
  const texts = { ok: "", passed: "passed on", replaced: `raised ${span.raised}`, raised: `raised ${span.raised}` };
  return texts[span.outcome] ?? span.outcome;
}

function shortPlace(at) {
  return at ? at.split("/").slice(-2).join("/") : "";
}

// The author's own line first, then that of the library which it called.
function raisedAt(span) {
  return [span.raised_at, span.raised_in].map(shortPlace).filter(Boolean).join(", in ");
}

function slowest(trace) {
  let found = -1;
  trace.spans.forEach((span, number) => {
    if (OWN.has(span.kind) && (found < 0 || duration(span) > duration(trace.spans[found]))) found = number;
  });
  return found >= 0 && duration(trace.spans[found]) > trace.duration * 0.3 ? found : -1;
}

function facts(span) {
  const said = [["span", label(span)], ["function", span.function], ["where", place(span.file, span.line)],
    ["scope", span.scope], ["runs", span.thread ? `in worker thread ${span.thread}` : "on the event loop"],
    ["begins", `after ${time(span.start)}`], ["takes", time(duration(span))], ["outcome", span.outcome],
    ["saw", span.saw], ["raised", span.raised && `${span.raised} ${raisedAt(span)}`]];
  return said.filter(([, value]) => value).flatMap(([name, value]) =>
    [h("dt", {}, name), h("dd", { class: BAD.has(value) ? "bad" : "" }, value)]);
}

function sourceLines(trace, select) {
  const called = new Map();
  trace.spans.forEach((span, number) => {
    if (span.at !== null && !called.has(span.at)) called.set(span.at, number);
  });
  return trace.source.trimEnd().split("\n").map((text, at) => {
    const number = called.get(at + 1);
    const line = h("div", { class: number === undefined ? "" : "called" }, ...highlighted(text));
    if (number !== undefined) line.addEventListener("click", () => select(number));
    return line;
  });
}

function highlighted(text) {
  const words = /(#.*$)|("[^"]*")|\b(async|await|def|with|as|if|else|is|not|in|raise|return|yield|from|None|and)\b/g;
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(words)) {
    parts.push(text.slice(end, found.index));
    parts.push(h(found[1] ? "u" : found[2] ? "q" : "b", {}, found[0]));
    end = found.index + found[0].length;
  }
  return [...parts, text.slice(end)];
}
