/** The page `/docs`: Swagger UI shows this server's openapi.json. It asks nobody else. */

import { SwaggerUI } from "./vendor/swagger-ui.js";

SwaggerUI({ url: "/openapi.json", dom_id: "#docs", deepLinking: true, queryConfigEnabled: false, validatorUrl: null });
