"use strict";
// What is shown, and keeping it true: the places, the one render, and the poll.

const MOST_PAUSE_MILLISECONDS = 60000;
const IDLE_PAUSE_MILLISECONDS = 300000;

/** How long to wait before looking again, in milliseconds: the longer nothing new came, the longer.
 *  since: of the job's start, or of the last change where nothing goes on. */
function pause(goesOn, since, retryAfter = null) {
  const wait = goesOn ? Math.min(MOST_PAUSE_MILLISECONDS, Math.max(1500, since / 20))
    : Math.min(IDLE_PAUSE_MILLISECONDS, Math.max(15000, since / 10));
  return Math.max(wait, 1000 * (retryAfter || 0));
}

function render(before) {
  const { place, job } = state;
  for (const section of ["sign-in", "jobs", "job", "webhooks"]) $(`${section}-place`).hidden = place.name !== section;
  $("forget").hidden = $("to-webhooks").hidden = place.name === "sign-in";
  if (place.name === "jobs") showJobs();
  if (place.name === "webhooks") showWebhooks();
  if (place.name === "job") {
    showJob(before);
    showFailures();
    showProducts();
    showDeliveries();
    notifyOfEnd(before.job, job);
  }
  showTrouble();
  title();
}

function showTrouble() {
  const at = state.updated && new Date(state.updated).toLocaleTimeString();
  $("updated").textContent = state.trouble ? `${state.trouble}${at ? ` What is shown is of ${at}.` : ""}` : at ? `Last updated ${at}` : "";
  $("updated").classList.toggle("fault", Boolean(state.trouble));
}

function title() {
  const { job } = state;
  const word = !job ? "" : job.ended_at ? `${job.status.toLowerCase()}: ${job.filename} · ` : `${Math.floor(100 * job.progress)} % ${job.filename} · `;
  document.title = `${word}imagemill`;
}

// ---- Notification

function notifyOfEnd(before, job) {
  const may = "Notification" in window;
  $("notify").hidden = !may || !job || Boolean(job.ended_at) || Notification.permission !== "default";
  if (may && before && job && before.run === job.run && !before.ended_at && job.ended_at && Notification.permission === "granted") {
    new Notification(`${job.filename}: ${job.status.toLowerCase()}`, { body: facts(job), tag: job.job_id });
  }
}

$("notify").onclick = async () => {
  const answer = await Notification.requestPermission();
  $("notify").hidden = true;
  say(answer === "granted" ? "You are told when the job has ended, as long as this tab is open." : "The browser does not allow it.", answer === "granted");
};

// ---- Key

function forget() {
  sessionStorage.removeItem(KEY);
  route();
}

$("forget").onclick = () => { say(""); forget(); };
$("key-form").onsubmit = (event) => {
  event.preventDefault();
  attempt(async () => {
    const key = $("key").value.trim();
    await call("GET", "/jobs?limit=1", { key });
    sessionStorage.setItem(KEY, key);
    $("key").value = "";
    route();
  });
};

// ---- Poll

let timer = 0;
let changed = Date.now();

const jobOf = (hash) => (hash.match(/^#\/jobs\/([0-9A-Z]{26})$/) || [])[1] || null;

async function lookAtJob(visit) {
  const job = await call("GET", `/jobs/${state.place.job}`);
  if (state.visit !== visit) return false;
  const of = JSON.stringify(job);
  if (of !== JSON.stringify(state.job)) changed = Date.now();
  dispatch({ type: "job", visit, job });
  if (state.of !== of) await refresh(of);
  if (state.visit !== visit) return false;
  if (job.ended_at && !state.failures && job.products.partial + job.products.failed) await readFailures(job.job_id, visit);
  return !job.ended_at;
}

async function lookAtJobs(visit) {
  const before = JSON.stringify([...state.jobs]);
  await readJobs(null, visit);
  if (JSON.stringify([...state.jobs]) !== before) changed = Date.now();
  return [...state.jobs.values()].some((job) => !job.ended_at);
}

/** When the newest thing that goes on began. */
function began() {
  const going = state.job ? [state.job] : [...state.jobs.values()].filter((job) => !job.ended_at);
  return Math.max(0, ...going.map((job) => Date.parse(job.started_at || job.created_at)));
}

/** Look again after a while, as long as something goes on and somebody looks. */
async function poll() {
  clearTimeout(timer);
  const { visit, place } = state;
  if (document.hidden || place.name === "sign-in" || place.name === "webhooks") return;
  let wait = 0;
  try {
    const goesOn = await (place.name === "job" ? lookAtJob(visit) : lookAtJobs(visit));
    // What has ended changes no more by itself.
    if (!goesOn && place.name === "job") return;
    wait = pause(goesOn, Date.now() - (goesOn ? began() : changed));
  } catch (fault) {
    if (state.visit !== visit) return;
    const passing = fault instanceof Unreachable || fault.status === 429 || fault.status >= 500;
    if (!passing) {
      if (fault.status === 403) forget();
      say(fault.message);
      return;
    }
    const quota = fault.problem && fault.problem.code === "QUOTA_EXCEEDED";
    wait = quota ? 3600000 : pause(true, 20 * 10000, fault.retryAfter);
    dispatch({ type: "trouble", visit, text: `${fault.message} It is tried again in ${quota ? "an hour" : `${Math.round(wait / 1000)} s`}.` });
  }
  if (state.visit !== visit) return;
  clearTimeout(timer);
  timer = setTimeout(poll, wait);
}

function route() {
  const signedIn = Boolean(sessionStorage.getItem(KEY));
  const id = jobOf(location.hash);
  const place = !signedIn ? { name: "sign-in" } : id ? { name: "job", job: id } : { name: location.hash === "#/webhooks" ? "webhooks" : "jobs" };
  $("filter").value = $("search").value = $("jump").value = "";
  $("deliveries-box").open = false;
  $("secret").hidden = true;
  $("secret").replaceChildren();
  changed = Date.now();
  dispatch({ type: "went", place });
  if (place.name === "sign-in") $("key").focus();
  if (place.name === "job") $("job-title").focus();
  if (place.name === "webhooks") attempt(() => readWebhooks());
  poll();
}

$("docs").href = `${api}/docs`;
window.onhashchange = () => { say(""); route(); };
document.onvisibilitychange = poll;
window.ononline = poll;
window.onoffline = () => dispatch({ type: "trouble", visit: state.visit, text: "This device is offline." });
route();
