// Live figures, changes, keys. Everything that reads works without it. No markup is made here but what the server sent as
// markup; texts of answers are put in place as texts.
"use strict";

const STALLED_AFTER_MS = 5000;
const RETURN_MS = 1500;
const REFRESH_PAUSE_MS = 2000;
const body = document.body;
const main = document.getElementById("main");
const stalled = document.getElementById("stalled");
const kind = body.dataset.page;
const clockAhead = Date.parse(body.dataset.now) - Date.now(); // the server's clock counts
const now = () => Date.now() + clockAhead;

// --- Putting markup in place, without taking anything away from who is reading.

function swap(target, markup) {
  const selection = getSelection();
  if (!selection.isCollapsed && target.contains(selection.anchorNode)) return false;
  const open = [...target.querySelectorAll("details[open][id]")].map((details) => details.id);
  const scrolled = [...target.querySelectorAll(".scroll[id]")].map((area) => [area.id, area.scrollLeft, area.scrollTop]);
  const focused = target.contains(document.activeElement) ? place(document.activeElement) : null;
  const [x, y] = [scrollX, scrollY];
  target.innerHTML = markup;
  open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
  scrolled.forEach(([id, left, top]) => document.getElementById(id)?.scrollTo(left, top));
  if (focused) target.querySelector(focused)?.focus({ preventScroll: true });
  scrollTo(x, y);
  return true;
}

// A selector by which an element is found again.
function place(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  const around = element.parentElement?.closest("[id]");
  const inside = element.matches("a[href]") ? `a[href="${CSS.escape(element.getAttribute("href"))}"]` : element.localName;
  return around && around !== main ? `#${CSS.escape(around.id)} ${inside}` : inside;
}

// --- The stream.

let stream = null;
let heard = Date.now();
let opened = Date.now();
const shown = new Map();

function hear() {
  heard = Date.now();
  if (body.dataset.stream === "live") return;
  body.dataset.stream = "live";
  stalled.textContent = "";
}

function listen() {
  stream?.close();
  opened = Date.now();
  stream = new EventSource(kind === "overview" ? "/events" : "/events?of=alerts");
  stream.addEventListener("beat", hear);
  stream.addEventListener("alerts", () => { hear(); alertsChanged(); });
  stream.addEventListener("overview", (event) => {
    hear();
    for (const [id, markup] of Object.entries(JSON.parse(event.data).sections)) {
      const section = document.getElementById(id);
      if (section && shown.get(id) !== markup && swap(section, markup)) shown.set(id, markup);
    }
  });
  stream.addEventListener("error", lose);
}

// A stream ends after some minutes and comes again at once; if it does not, all stands still.
function lose() {
  const before = heard;
  setTimeout(() => { if (heard === before) stall(); }, RETURN_MS);
}

function stall() {
  if (document.hidden || body.dataset.stream === "stalled") return;
  body.dataset.stream = "stalled";
  const since = new Date(heard + clockAhead).toISOString().slice(11, 19);
  stalled.textContent = `Standing still: nothing was heard since ${since} UTC. What you see is as old as that. Trying again…`;
}

setInterval(() => {
  if (!stream || document.hidden) return;
  if (Date.now() - heard > STALLED_AFTER_MS) stall();
  const isGone = stream.readyState === EventSource.CLOSED || Date.now() - heard > 3 * STALLED_AFTER_MS;
  if (isGone && Date.now() - opened > STALLED_AFTER_MS) listen();
}, 500);

document.addEventListener("visibilitychange", () => {
  if (kind === "still") return;
  if (document.hidden) {
    stream?.close();
    stream = null;
  } else {
    heard = Date.now();
    listen();
    if (kind === "fresh") alertsChanged();
  }
});
// A page that the browser keeps for the way back must not hold a connection.
addEventListener("pagehide", () => { stream?.close(); stream = null; });
addEventListener("pageshow", (event) => { if (event.persisted && kind !== "still") { heard = Date.now(); listen(); } });

// --- Pages without figures of their own: fetched again when alerts changed, unless somebody is writing.

let touched = false;
let refreshing = false;
let isStale = false;
let last = main.innerHTML;

function alertsChanged() {
  if (kind !== "fresh") return;
  isStale = true;
  if (!refreshing) refresh();
}

async function refresh() {
  refreshing = true;
  while (isStale && !document.hidden) {
    isStale = false;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "error" });
      const page = answer.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
      const fresh = page?.getElementById("main")?.innerHTML;
      if (fresh && fresh !== last && !touched && !isWriting() && swap(main, fresh)) last = fresh;
    } catch { /* The stream says that nothing is heard. */ }
    await new Promise((resolve) => setTimeout(resolve, REFRESH_PAUSE_MS));
  }
  refreshing = false;
}

const isWriting = () => main.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");
main.addEventListener("input", () => { touched = true; });

// --- How long ago: told by the server, kept by us.

function ago(then) {
  const seconds = Math.trunc((now() - then) / 1000);
  const span = (past) => past < 3600 ? `${Math.trunc(past / 60)} min`
    : past < 172800 ? `${Math.trunc(past / 3600)} h` : `${Math.trunc(past / 86400)} days`;
  if (Math.abs(seconds) < 60) return "just now";
  return seconds > 0 ? `${span(seconds)} ago` : `in ${span(-seconds)}`;
}

setInterval(() => {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const text = time.querySelector(".ago");
    const then = Date.parse(time.dateTime);
    if (text && !Number.isNaN(then) && text.textContent !== ago(then)) text.textContent = ago(then);
  }
}, 5000);

// --- Keys.

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select, dialog[open]")) return;
  const step = { j: 1, k: -1 }[event.key];
  if (step) move(step);
  else if (event.key === "/") document.getElementById("search").select();
  else if (event.key === "?") document.getElementById("keys-dialog").showModal();
  else return;
  event.preventDefault();
});

function move(step) {
  const links = [...document.querySelectorAll("article[data-alert] h3 a, tr[data-alert] th a")];
  const at = links.findIndex((link) => link.closest("[data-alert]").contains(document.activeElement));
  const next = links[at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

document.getElementById("show-keys").addEventListener("click", () => document.getElementById("keys-dialog").showModal());

// --- Changes: with the token, which this tab remembers.

const TOKEN = "flowsentry-token";

class Refused extends Error {}

// The answer to a change; asks for the token where it is missing or wrong. Null: the person would not give it.
async function change(method, path, value) {
  for (let hint = ""; ;) {
    const token = sessionStorage.getItem(TOKEN) ?? await ask(hint);
    if (token === null) return null;
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
    let answer;
    try {
      answer = await fetch(path, { method, headers, body: value === undefined ? undefined : JSON.stringify(value) });
    } catch {
      throw new Refused("The service does not answer. Try again in a moment.");
    }
    const told = await answer.json().catch(() => ({}));
    if (answer.ok) return told;
    if (answer.status !== 401) throw new Refused(`${told.error ?? `Status ${answer.status}`}. ${told.remedy ?? ""}`);
    sessionStorage.removeItem(TOKEN);
    hint = "wrong";
  }
}

function ask(hint) {
  const dialog = document.getElementById("token-dialog");
  const field = document.getElementById("token");
  field.value = "";
  document.getElementById("token-title").textContent = hint ? "This token is not the right one" : "Token needed";
  return new Promise((resolve) => {
    dialog.returnValue = "";
    dialog.addEventListener("close", () => {
      const token = dialog.returnValue === "use" ? field.value.trim() : "";
      // A header can have no other characters.
      if (/^[\x21-\x7e]+$/.test(token)) sessionStorage.setItem(TOKEN, token);
      field.value = "";
      resolve(token ? sessionStorage.getItem(TOKEN) ?? "-" : null);
    }, { once: true });
    dialog.showModal();
  });
}

document.getElementById("token-cancel").addEventListener("click", () => document.getElementById("token-dialog").close(""));

// Runs a change of a form, shows what went wrong beside its button, and lets nobody send it twice.
async function attempt(form, act) {
  if (form.dataset.busy) return;
  form.dataset.busy = "yes";
  const trouble = form.querySelector(".trouble");
  trouble.textContent = "";
  try {
    await act();
  } catch (error) {
    trouble.textContent = visible(error.message, 600);
  } finally {
    delete form.dataset.busy;
  }
}

// As the server shows foreign text: short, nothing invisible.
function visible(text, most = 80) {
  const seen = String(text).replace(/[\x00-\x1f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0))).replace(/\x7f/g, "\u2421")
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0]/gu,
      (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
  const letters = [...seen];
  return letters.length > most ? `${letters.slice(0, most).join("")}…` : seen;
}

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  return made;
}

function reload() {
  touched = false;
  location.reload();
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  const act = { acknowledge, silence: saveException }[form.id] ?? (form.matches(".remove") ? removeException : null);
  if (!act) return;
  event.preventDefault();
  attempt(form, () => act(form));
});

async function acknowledge(form) {
  const value = { by: form.elements.by.value };
  if (form.elements.note.value.trim()) value.note = form.elements.note.value;
  if (await change("POST", `/api/alerts/${form.dataset.alertId}/acknowledge`, value)) reload();
}

async function removeException(form) {
  if (await change("DELETE", `/api/exceptions/${form.dataset.exceptionId}`)) reload();
}

// --- Silencing: saved is only what was proved, to the letter.

let proved = null;

// What a field has; a value that could not be shown as it is stands beside it until somebody changes the field.
function written(field) {
  const isUnchanged = field.dataset.value !== undefined && field.value === field.defaultValue;
  return isUnchanged ? JSON.parse(field.dataset.value) : field.value.trim();
}

function matched(form) {
  const value = {};
  for (const name of ["source", "destination", "protocol", "label", "schedule"]) {
    const text = written(form.elements[name]);
    if (text !== "") value[name] = text;
  }
  const port = form.elements.port.value.trim();
  if (port !== "") {
    if (!/^\d{1,5}$/.test(port)) throw new Refused("The port must be a number from 1 to 65535, or nothing.");
    value.port = Number(port);
  }
  return value;
}

document.addEventListener("click", (event) => {
  if (event.target.id !== "prove") return;
  const form = event.target.form;
  attempt(form, () => prove(form));
});

document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (form?.id === "silence") judge(form);
});

// Whether what the form says now is what the proof was of.
function judge(form) {
  let asked = null;
  try { asked = JSON.stringify(matched(form)); } catch { /* Said when it is to be proved. */ }
  const isProved = proved !== null && asked === proved.asked;
  if (!isProved) {
    document.getElementById("proof").replaceChildren();
    document.getElementById("insist").hidden = true;
    document.getElementById("force").checked = false;
  }
  const mayBe = isProved && (!proved.objection || document.getElementById("force").checked);
  document.getElementById("save-exception").disabled = !mayBe;
}

async function prove(form) {
  proved = null;
  judge(form);
  touched = true;
  const value = matched(form);
  const proof = await change("POST", "/api/exceptions/try", value);
  if (!proof) return;
  proved = { asked: JSON.stringify(value), objection: proof.objection };
  document.getElementById("proof").replaceChildren(...told(proof));
  document.getElementById("insist").hidden = !proof.objection;
  judge(form);
}

function told(proof) {
  const looked = `${proof.alerts}${proof.alerts_partial ? " (there were more)" : ""}`;
  const parts = [element("p", `Of ${looked} alerts in the last seven days it would have silenced ${proof.silenced}.`)];
  if (proof.by_label.length) {
    const list = element("ul");
    for (const { label, severity, alerts } of proof.by_label) {
      list.append(element("li", `${alerts} × ${visible(label)}, ${visible(severity)}`, { dir: "auto" }));
    }
    parts.push(list);
  }
  if (proof.by_sample) parts.push(element("p", `${proof.by_sample} of them were judged by a sample of their hosts.`));
  if (proof.urgent.length) {
    parts.push(element("p", "High and critical ones among them:"));
    const list = element("ul");
    for (const alert of proof.urgent.slice(0, 20)) {
      const item = element("li", undefined, { dir: "auto" });
      item.append(element("a", visible(`${alert.severity}: ${alert.label} of ${alert.subject}`, 200), { href: `/alerts/${Number(alert.id)}` }));
      item.append(`, last seen ${visible(alert.last_seen.slice(0, 19).replace("T", " "))} UTC${alert.by ? `, by ${visible(alert.by)}` : ""}`);
      list.append(item);
    }
    parts.push(list);
    const more = proof.urgent.length - Math.min(proof.urgent.length, 20) + proof.urgent_unnamed;
    if (more) parts.push(element("p", `And ${more} more.`));
  }
  if (proof.objection) parts.push(element("p", `Too much: ${visible(proof.objection, 300)}`));
  return parts;
}

async function saveException(form) {
  const value = matched(form);
  if (proved === null || JSON.stringify(value) !== proved.asked) {
    judge(form);
    throw new Refused("This is not what the proof was of. Show again what it would have silenced.");
  }
  value.owner = form.elements.owner.value;
  value.reason = form.elements.reason.value;
  const days = Number(form.elements.expires.value);
  if (days) value.expires_at = new Date(now() + days * 86400000).toISOString();
  const insists = proved.objection && document.getElementById("force").checked;
  const saved = await change("POST", `/api/exceptions${insists ? "?force=true" : ""}`, value);
  if (!saved) return;
  touched = false;
  location.assign(`/exceptions#exception-${Number(saved.id)}`);
}

if (kind !== "still" && !document.hidden) listen();
