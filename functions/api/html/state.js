"use strict";
// All that the page knows, and the one place where it changes. Every answer names the question that it belongs to:
// `visit` counts the places that a person went to, `list` the lists asked for; an answer to an earlier one is dropped.

const PAGE = 20;
const EMPTY_LIST = { products: [], cursor: null, looking: false, lookedAt: 0, complete: false };
const EMPTY_PLACE = { ...EMPTY_LIST, job: null, of: "", filter: "", words: "", from: 0, failures: null, group: "", deliveries: null };
let state = { ...EMPTY_PLACE, visit: 0, list: 0, place: { name: "sign-in" }, jobs: new Map(), older: null, webhooks: null, updated: null, trouble: "" };

function reduce(before, event) {
  if ("visit" in event && event.visit !== before.visit) return before;
  if ("list" in event && event.list !== before.list) return before;
  const answered = { ...before, updated: Date.now(), trouble: "" };
  switch (event.type) {
    case "went": {
      const kept = event.place.name === "sign-in" ? { jobs: new Map(), older: null, webhooks: null } : {};
      return { ...before, ...EMPTY_PLACE, ...kept, place: event.place, visit: before.visit + 1, list: before.list + 1, trouble: "" };
    }
    case "jobs":
      return {
        ...answered,
        jobs: new Map([...before.jobs, ...event.page.jobs.map((job) => [job.job_id, job])]),
        older: event.further || !before.jobs.size ? event.page.next_cursor : before.older,
      };
    case "job":
      return { ...answered, job: event.job, failures: event.job.run === before.job?.run ? before.failures : null };
    case "asked":
      return { ...before, ...EMPTY_LIST, filter: event.filter, words: event.words, from: event.from, looking: true, list: before.list + 1 };
    case "looking":
      return { ...before, looking: true };
    case "products":
      return { ...answered, ...joined(before, event), cursor: event.cursor, looking: event.looking, lookedAt: event.lookedAt };
    case "refreshed":
      return { ...answered, ...refreshed(before, event) };
    case "failures":
      return { ...answered, failures: event.failures };
    case "group":
      return { ...before, group: before.group === event.group ? "" : event.group };
    case "webhooks":
      return { ...answered, webhooks: event.webhooks };
    case "deliveries":
      return { ...answered, deliveries: event.deliveries };
    case "trouble":
      return { ...before, trouble: event.text, looking: false };
    default:
      throw new Error(`no such event: ${event.type}`);
  }
}

/** Products in row order, each once, whichever page brought it. */
function joined(before, event) {
  const rows = new Map([...before.products, ...event.products].map((product) => [product.row, product]));
  return { products: [...rows.values()].sort((a, b) => a.row - b.row) };
}

/** A first page read anew takes the place of the rows that it spans; those read beyond it stay. */
function refreshed(before, event) {
  const last = event.products.length ? event.products.at(-1).row : 0;
  const beyond = event.cursor ? before.products.filter((product) => product.row > last) : [];
  return { products: [...event.products, ...beyond], cursor: beyond.length ? before.cursor : event.cursor, of: event.of };
}

function dispatch(event) {
  const before = state;
  state = reduce(state, event);
  if (state !== before) render(before);
}
