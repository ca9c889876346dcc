"use strict";
// Webhook endpoints: list, add, test, switch, rotate, remove; and a job's deliveries.

async function readWebhooks(visit = state.visit) {
  const { webhooks } = await call("GET", "/webhooks");
  dispatch({ type: "webhooks", visit, webhooks });
}

function showSecret(text, secret) {
  $("secret").hidden = false;
  $("secret").replaceChildren(element("p", { textContent: `${text} It is shown this once.` }),
    element("p", {}, element("code", { textContent: secret }), " ", button("Copy", () => attempt(() => copy(secret)))));
}

const change = (action, done) => () => attempt(async () => {
  await action();
  if (done) say(done, true);
  await readWebhooks();
});

function showWebhook({ id, url, events, enabled, description, disabled_reason: reason, failing_since: since, last_delivery: last }) {
  const path = `/webhooks/${id}`;
  const delivered = last && [last.at && moment(last.at), last.status, last.error].filter(Boolean).join(" ");
  return element("li", { className: "card" },
    heading(element("code", { textContent: url }), enabled ? "ENABLED" : "DISABLED"),
    element("p", { className: "facts", textContent: [description, events.join(", "), delivered && `last: ${delivered}`].filter(Boolean).join(" · ") }),
    reason && element("p", { className: "fault", textContent: `Disabled: ${reason}` }),
    since && element("p", { className: "fault", textContent: `Failing since ${moment(since)}` }),
    element("div", { className: "row" },
      button("Send a test", change(() => call("POST", `${path}/test`), "A test is on its way.")),
      button(enabled ? "Disable" : "Enable", change(() => call("PATCH", path, asJson({ enabled: !enabled })))),
      button("New secret", change(async () => {
        if (!confirm(`Make a new secret for ${url}? The old one signs for 24 hours more.`)) return;
        showSecret(`The new secret of ${url}. The old one signs for 24 hours more.`, (await call("POST", `${path}/rotate-secret`)).secret);
      })),
      button("Remove", change(async () => { if (confirm(`Remove ${url}?`)) await call("DELETE", path); }))));
}

function showWebhooks() {
  reconcile($("endpoints"), state.webhooks || [], (webhook) => webhook.id, showWebhook);
  $("no-endpoints").hidden = !state.webhooks || state.webhooks.length > 0;
}

$("webhook-form").onsubmit = (event) => {
  event.preventDefault();
  attempt(async () => {
    const made = await call("POST", "/webhooks", asJson({ url: $("webhook-address").value.trim(), description: $("webhook-description").value.trim() || null }));
    showSecret(`The secret of ${made.url}.`, made.secret);
    $("webhook-form").reset();
    await readWebhooks();
  });
};

// ---- Deliveries of one job

async function readDeliveries(visit = state.visit) {
  let all = [], cursor = "";
  do {
    const page = await call("GET", `/jobs/${state.place.job}/deliveries${cursor}`);
    if (state.visit !== visit) return;
    all = [...all, ...page.deliveries];
    cursor = page.next_cursor && `?cursor=${encodeURIComponent(page.next_cursor)}`;
  } while (cursor);
  dispatch({ type: "deliveries", visit, deliveries: all });
}

function showDeliveries() {
  const all = state.deliveries;
  $("no-deliveries").hidden = !all || all.length > 0;
  reconcile($("deliveries"), all || [], (one) => JSON.stringify(one), (one) => element("li", {
    className: one.delivered ? "" : "fault", textContent: [moment(one.at), one.webhook_id || "the job’s own webhook", one.delivered ? "delivered" : "not delivered", one.status, one.error, `${one.milliseconds} ms`].filter(Boolean).join(" · "),
  }));
}

$("deliveries-box").ontoggle = () => { if ($("deliveries-box").open) attempt(() => readDeliveries()); };
$("look-deliveries").onclick = () => attempt(() => readDeliveries());
$("redeliver").onclick = () => attempt(async () => {
  await call("POST", `/jobs/${state.job.job_id}/redeliver`);
  say("It is delivered again.", true);
  await readDeliveries();
});
