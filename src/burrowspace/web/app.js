/** Where the page begins. */

import "./features/parts/code-box.js";
import "./features/parts/device-list.js";
import "./features/parts/device-picture.js";
import "./features/parts/drop-burrow.js";
import "./features/parts/history-list.js";
import "./features/parts/settings-dialog.js";
import "./features/parts/burrow-app.js";
import { registerWorker } from "./store/worker-registration.js";

void registerWorker({
  busy: () => /** @type {import("./features/parts/burrow-app.js").BurrowApp | null} */ (document.querySelector("burrow-app"))?.app.precious ?? false,
});
