/** Where the page begins. */

import "./features/parts/code-box.js";
import "./features/parts/copy-button.js";
import "./features/parts/device-list.js";
import "./features/parts/device-picture.js";
import "./features/parts/drop-burrow.js";
import "./features/parts/history-list.js";
import "./features/parts/offer-card.js";
import "./features/parts/pair-dialog.js";
import "./features/parts/path-sign.js";
import "./features/parts/progress-ring.js";
import "./features/parts/qr-code.js";
import "./features/parts/received-files.js";
import "./features/parts/settings-dialog.js";
import "./features/parts/share-panel.js";
import "./features/parts/speed-curve.js";
import "./features/parts/text-dialog.js";
import "./features/parts/transfer-card.js";
import "./features/parts/burrow-app.js";
import { registerWorker } from "./store/worker-registration.js";

void registerWorker();
