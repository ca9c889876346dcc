"use strict";
// Calls of the API, and what every view shows in the same words.
// Whatever comes from the API is shown by textContent, never as HTML.

const KEY = "imagemill-api-key";
// `/v1` and `/v1/` both are this page.
const api = location.pathname.replace(/\/+$/, "");
const $ = (id) => document.getElementById(id);
/** Waits between attempts of a call that may be repeated, in milliseconds. */
const AGAIN_MILLISECONDS = [500, 2000, 5000];
/** What a proxy or the gateway answers without having asked the API, or without having waited for it. */
const CUT_OFF = [502, 503, 504];

/** An API call that was refused: RFC 9457 problem details. */
class Refused extends Error {
  constructor(problem, status, retryAfter = null) {
    super(problem.detail || `The API answered ${status}.`);
    this.problem = problem;
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** No answer came: nobody knows whether the request arrived. */
class Unreachable extends Error {
  constructor() {
    super(navigator.onLine ? "The API cannot be reached." : "This device is offline.");
  }
}

const sleep = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });

/** Send a request by XMLHttpRequest: fetch tells no progress of an upload. The status, the text, and Retry-After. */
function send(method, url, { body = null, headers = {}, progress = null } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    if (progress) request.upload.onprogress = (event) => progress(event.loaded / event.total);
    request.onload = () => resolve({
      status: request.status, text: request.responseText, retryAfter: Number(request.getResponseHeader("retry-after")) || null,
    });
    request.onerror = request.onabort = () => reject(new Unreachable());
    request.send(body);
  });
}

async function callOnce(method, path, { body, headers, progress, key = sessionStorage.getItem(KEY) } = {}) {
  const answer = await send(method, api + path, { body, progress, headers: { "x-api-key": key, ...headers } });
  let document = {};
  try { document = JSON.parse(answer.text); } catch { /* 204, or a proxy's own page */ }
  if (answer.status >= 300) throw new Refused(document, answer.status, answer.retryAfter);
  return document;
}

/** Call the API. What is safe to repeat is repeated where the answer was lost: with `again`, or a GET. */
async function call(method, path, { again = method === "GET", ...rest } = {}) {
  for (const wait of again ? AGAIN_MILLISECONDS : []) {
    try {
      return await callOnce(method, path, rest);
    } catch (fault) {
      if (!(fault instanceof Unreachable || CUT_OFF.includes(fault.status)) || !navigator.onLine) throw fault;
      await sleep(wait);
    }
  }
  return callOnce(method, path, rest);
}

const asJson = (document) => ({ body: JSON.stringify(document), headers: { "content-type": "application/json" } });

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

const button = (text, onclick, className = "quiet small") => element("button", { type: "button", className, textContent: text, onclick });

/** Show items in `parent`; a node whose item is unchanged is left alone, and whoever has the focus keeps it. */
function reconcile(parent, items, keyOf, make) {
  const before = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  const nodes = items.map((item) => {
    const key = String(keyOf(item));
    const text = JSON.stringify(item);
    const old = before.get(key);
    before.delete(key);
    if (old && old.shown === text) return old;
    const made = make(item);
    made.dataset.key = key;
    made.shown = text;
    if (old) replaceKeepingFocus(old, made);
    return made;
  });
  for (const node of before.values()) node.remove();
  nodes.forEach((node, place) => {
    if (parent.children[place] !== node) parent.insertBefore(node, parent.children[place] || null);
  });
}

function replaceKeepingFocus(old, made) {
  const place = [...old.querySelectorAll("a, button")].indexOf(document.activeElement);
  old.replaceWith(made);
  const heir = place >= 0 && made.querySelectorAll("a, button")[place];
  if (heir) heir.focus();
}

function say(text, good = false) {
  $("message").textContent = text;
  $("message").hidden = !text;
  $("message").classList.toggle("good", good);
}

/** Run what a person asked for; a fault is told, and a key that is no longer taken is asked for anew. */
async function attempt(action) {
  try {
    say("");
    await action();
  } catch (fault) {
    if (fault instanceof Refused && fault.status === 403) forget();
    say(fault instanceof Refused || fault instanceof Unreachable ? told(fault) : `This page has a fault: ${fault.message}`);
  }
}

/** A fault in words; what a limit asks for is told with it. */
const told = (fault) => (fault.retryAfter ? `${fault.message} Try again in ${fault.retryAfter} s.` : fault.message);

async function copy(text) {
  await navigator.clipboard.writeText(text);
  say("Copied.", true);
}

/** Hand a text to the person as a file. */
function hand(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

const size = (bytes) => {
  const units = ["bytes", "kB", "MB", "GB"];
  let unit = 0;
  for (; bytes >= 1000 && unit < 3; unit++) bytes /= 1000;
  return `${bytes.toLocaleString(undefined, { maximumFractionDigits: bytes < 10 && unit ? 1 : 0 })} ${units[unit]}`;
};
const moment = (text) => new Date(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
const many = (count, one, more = `${one}s`) => `${count.toLocaleString()} ${count === 1 ? one : more}`;
const isWebAddress = (text) => /^https?:\/\//i.test(text || "");
/** A code that may be broken after its underscores, and not in mid-word. */
const breakable = (word) => word.replaceAll("_", "_\u200b");
const sentence = (text) => (text ? `${text[0].toUpperCase()}${text.slice(1)}`.replaceAll("`", "") : "");

/** What a code means and what to do about it, in the words of the reference; nothing for a code that it has not. */
function explained(code, reason) {
  const meaning = MEANINGS[code];
  if (!meaning) return "";
  const why = reason ? ` (${meaning.reasons[reason] || reason.replaceAll("_", " ").toLowerCase()})` : "";
  return `${code}: ${meaning.means}${why}. ${sentence(meaning.mender)}: ${meaning.way_out}.`.replaceAll("`", "");
}
