import { forEver } from "../backoff.js";
import { LiveSocket } from "../socket.js";

/** @import {MetricsFrame} from "../frames.js"; */
/** @import {Options} from "../options.js"; */

/**
 * The figures of the monitoring page, once a second. Reconnects for ever.
 * @extends {LiveSocket<MetricsFrame>}
 */
export class MetricsWebSocket extends LiveSocket {
  /**
   * @param {string} organization  its slug; empty: all that the user may see
   * @param {Options} [options]
   */
  constructor(organization, options) {
    const query = organization ? `?organization=${encodeURIComponent(organization)}` : "";
    const path = `/ws/metrics${query}`;
    super(
      { label: "MetricsWS", kind: "metrics", path, resumes: false, policy: forEver },
      null,
      options,
    );
  }
}
