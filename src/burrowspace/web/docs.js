/** The page `/docs`: Swagger UI shows this server's openapi.json. It asks nobody else. */

import { SwaggerUI } from "./vendor/swagger-ui.js";

const spec = await (await fetch("openapi.json")).json();
spec.servers ??= [{ url: new URL(".", location.href).href.replace(/\/$/, "") }]; // it may be below a path
SwaggerUI({ spec, dom_id: "#docs", deepLinking: true, queryConfigEnabled: false, validatorUrl: null });
