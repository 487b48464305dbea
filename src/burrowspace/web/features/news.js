/**
 * What there is to say of a transfer in a few words: what it is, whom it waits for, how it ended. On its card, and to
 * whoever hears the page.
 *
 * @import { AnyJob } from "./model/keeping.js"
 */

import { t } from "./words.js";

/** What it is. @param {AnyJob} job */
export function titled(job) {
  if (job.text) return t("text-title");
  if (!job.title) return job.direction === "receive" ? t("title-receive") : t("title-send");
  // what a sender of several files calls them, in English
  const counted = /^(\d+) files?$/.exec(job.title)?.[1] === String(job.files) && job.files > 1;
  return counted ? t("files", { n: job.files }) : job.title;
}

/** The one at the other end of what is sent, by name. @param {AnyJob} job */
export function asked(job) {
  const to = job.direction === "send" ? job.to : null;
  return to ?? (job.who.length === 1 ? job.who[0] : "");
}

/** Whether it waits for somebody's yes. @param {AnyJob} job */
export function deciding(job) {
  if (job.direction !== "send" || job.state !== "waiting") return false;
  const waits = job.why === null || job.why.code === "said-deciding";
  return waits && (job.to !== null || [...job.peers.keys()].some(Boolean));
}

/** Who is to say yes. @param {AnyJob} job */
export function waits(job) {
  const name = asked(job);
  return name ? t("waiting-accept", { name }) : t("waiting-them");
}

/** How it ended: where what arrived is now, or that files are missing. @param {AnyJob} job */
export function ended(job) {
  if (job.missing) return t("incomplete", { n: job.missing });
  if (job.direction === "send") return asked(job) ? t("delivered-to", { name: asked(job) }) : t("delivered");
  if (job.text) return job.sender ? t("text-from", { name: job.sender }) : t("text-received");
  const places = job.finished?.places ?? [];
  return places.length ? t("saved-in", { place: places.slice(0, 3).join(", ") }) : t("saved-downloads");
}

/** Where all but the missing files are now; empty: nothing else came. @param {AnyJob} job */
export function rest(job) {
  if (job.direction === "send") return asked(job) ? t("rest-delivered-to", { name: asked(job) }) : t("rest-delivered");
  const places = job.finished?.places ?? [];
  if (places.length) return t("rest-in", { place: places.slice(0, 3).join(", ") });
  return job.received.length ? t("rest-downloads") : "";
}

/** It arrived, and can be shown. @param {AnyJob} job */
export function arrived(job) {
  return job.state === "done" || (job.direction === "receive" && job.text && job.texts.length > 0);
}

/** What whoever hears the page is told when it becomes so; empty: nothing. @param {AnyJob} job */
export function newsOf(job) {
  if (arrived(job)) return job.fresh ? ended(job) : "";
  return deciding(job) ? waits(job) : "";
}
