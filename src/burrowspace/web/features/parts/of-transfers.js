/** The parts that show transfers, loaded with the first one. */

import "./arrived-sign.js";
import "./copy-button.js";
import "./finished-card.js";
import "./missing-files.js";
import "./offer-card.js";
import "./path-sign.js";
import "./peer-list.js";
import "./progress-ring.js";
import "./qr-code.js";
import "./received-files.js";
import "./share-panel.js";
import "./speed-curve.js";
import "./transfer-card.js";
