/** The other side, as its animal: the one of the list where it is there, else the one of its name. */

import { pictureNamed } from "../../core/device-names.js";
import { html } from "../../vendor/lit.js";
import { icons } from "../icons.js";

/** @param {string} name @param {import("../model/app-model.js").AppModel} app @param {number} size pixels */
export function peerPicture(name, app, size) {
  const picture = app.devices.found.find((device) => device.name === name)?.picture ?? pictureNamed(name);
  return picture === null ? icons.people : html`<device-picture .picture=${picture} size=${size}></device-picture>`;
}
