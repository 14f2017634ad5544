// The list of requests, live; the keyboard; which view is shown.

import { base, get, h, status, time } from "./html.js";
import { showApplication } from "./application.js";
import { showTrace } from "./trace.js";

const KEPT = 2000; // requests and tasks, half of them each
const find = (id) => document.getElementById(id);
const list = find("rows");
const filter = find("filter");
const detail = find("detail");

let summaries = []; // newest first
let waiting = []; // while it is paused
let selected = null;
let view = null;
let isPaused = false;
let showsTasks = false;

function row(summary) {
  const problem = summary.error ?? (summary.swallowed ? `swallowed by ${summary.swallowed}` : null);
  const clock = new Date(summary.began * 1000).toLocaleTimeString();
  const note = problem ?? (summary.slowest ? `slowest: ${summary.slowest}` : "");
  return h("li", { role: "option", id: `request-${summary.number}`, "aria-selected": String(summary.number === selected),
    onclick: () => open(summary.number) },
    status(summary.status),
    h("span", { class: "path" }, h("b", {}, summary.method), " ", summary.path),
    h("span", { class: "ms" }, time(summary.duration)),
    h("span", { class: problem ? "note bad" : "note" }, note ? `${clock} · ${note}` : clock));
}

function matches(summary) {
  if (summary.kind === "task" && !showsTasks) return false;
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const text = [summary.method, summary.path, summary.status, summary.error, summary.slowest,
    summary.swallowed && `swallowed ${summary.swallowed}`].join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

function countTasks() {
  find("tasks").textContent = `Tasks (${summaries.filter((each) => each.kind === "task").length})`;
}

function toggleTasks() {
  showsTasks = !showsTasks;
  find("tasks").setAttribute("aria-pressed", String(showsTasks));
  render();
}

function render() {
  countTasks();
  list.replaceChildren(...summaries.filter(matches).map(row));
}

function add(summary) {
  if (isPaused) {
    waiting.push(summary);
    find("pause").textContent = `Resume (${waiting.length})`;
    return;
  }
  if (summaries.some((each) => each.number === summary.number)) return;
  summaries.unshift(summary);
  summaries.length = Math.min(summaries.length, KEPT);
  countTasks();
  if (!matches(summary)) return;
  list.prepend(row(summary));
  while (list.children.length > KEPT) list.lastChild.remove();
  if (selected === null) open(summary.number);
}

async function open(number) {
  selected = number;
  for (const each of list.children) each.setAttribute("aria-selected", String(each.id === `request-${number}`));
  find(`request-${number}`)?.scrollIntoView({ block: "nearest" });
  history.replaceState(null, "", `#${number}`);
  const trace = await get(`/traces/${number}`);
  if (selected !== number) return;
  if (trace === null) {
    detail.replaceChildren(h("p", { class: "empty" }, "This request is kept no longer."));
    return;
  }
  view = showTrace(trace);
  detail.replaceChildren(view.element);
}

function move(step) {
  const shown = [...list.children];
  const now = shown.findIndex((each) => each.id === `request-${selected}`);
  const next = shown[Math.min(Math.max(now + step, 0), shown.length - 1)];
  if (next) open(Number(next.id.split("-")[1]));
}

function pause() {
  isPaused = !isPaused;
  find("pause").setAttribute("aria-pressed", String(isPaused));
  find("pause").textContent = isPaused ? "Resume" : "Pause";
  const missed = waiting;
  waiting = [];
  if (!isPaused) missed.forEach(add);
}

async function clear() {
  await fetch(`${base}/traces`, { method: "DELETE" });
  summaries = [];
  selected = null;
  render();
  detail.replaceChildren(h("p", { class: "empty" }, "Cleared."));
}

let refreshing = null;

function show(name) {
  for (const each of ["requests", "application"]) {
    find(each).hidden = each !== name;
    find(`tab-${each}`).setAttribute("aria-selected", String(each === name));
  }
  clearInterval(refreshing);
  if (name !== "application") return;
  const refresh = async () => showApplication(find("application"), await get("/application"));
  refresh();
  refreshing = setInterval(refresh, 2000);
}

const KEYS = {
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  j: () => move(1),
  k: () => move(-1),
  ArrowRight: () => view?.move(1),
  ArrowLeft: () => view?.move(-1),
  "/": () => filter.focus(),
  p: pause,
  t: toggleTasks,
  1: () => show("requests"),
  2: () => show("application"),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target === filter) {
    if (event.key === "Escape" || event.key === "Enter") list.focus();
    return;
  }
  const action = KEYS[event.key];
  if (action) {
    event.preventDefault();
    action();
  }
});
filter.addEventListener("input", render);
find("pause").addEventListener("click", pause);
find("tasks").addEventListener("click", toggleTasks);
find("clear").addEventListener("click", clear);
find("tab-requests").addEventListener("click", () => show("requests"));
find("tab-application").addEventListener("click", () => show("application"));

function follow(after) {
  const events = new EventSource(`${base}/events?after=${after}`);
  const live = find("live");
  events.onopen = () => { live.className = "on"; live.textContent = "live"; };
  events.onerror = () => { live.className = ""; live.textContent = "not connected"; };
  events.onmessage = (event) => add(JSON.parse(event.data));
}

summaries = ((await get("/traces")) ?? []).reverse();
render();
const asked = Number(location.hash.slice(1));
if (summaries.find((each) => each.number === asked)?.kind === "task") toggleTasks();
if (asked && summaries.some((each) => each.number === asked)) open(asked);
else if (summaries.some(matches)) open(summaries.find(matches).number);
follow(summaries[0]?.number ?? 0);
