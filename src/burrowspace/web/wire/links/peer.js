/**
 * What every RTCPeerConnection of ours needs: a description with what was found at once, and a channel that is open.
 */

export const LABEL = "burrow/1";
/** @type {RTCDataChannelInit} */ export const ORDERED = { ordered: true };

/** How this end can be reached, with all candidates that are found within `patience` seconds.
 * @param {RTCPeerConnection} peer @param {RTCSessionDescriptionInit} own @param {number} patience
 * @returns {Promise<{type: "offer" | "answer", sdp: string}>} */
export async function described(peer, own, patience) {
  await peer.setLocalDescription(own);
  await /** @type {Promise<void>} */ (
    new Promise((resolve) => {
      const timer = setTimeout(resolve, patience * 1000);
      peer.onicegatheringstatechange = () => {
        if (peer.iceGatheringState !== "complete") return;
        clearTimeout(timer);
        resolve();
      };
    })
  );
  const { type, sdp } = peer.localDescription ?? own;
  return { type: type === "offer" ? "offer" : "answer", sdp: sdp ?? "" };
}

/** Waits until it can carry; it gives bytes as ArrayBuffers. @param {RTCDataChannel} channel @returns {Promise<RTCDataChannel>} */
export async function opened(channel) {
  channel.binaryType = "arraybuffer";
  if (channel.readyState !== "open") await new Promise((resolve) => (channel.onopen = resolve));
  return channel;
}

/** Seconds there and back on the way that is in use, as ICE's own questions found it; null where that is not known.
 * @param {RTCPeerConnection} peer @returns {Promise<number | null>} */
export async function roundTrip(peer) {
  for (const each of (await peer.getStats()).values()) {
    if (each.type !== "candidate-pair" || !each.nominated || each.state !== "succeeded") continue;
    if (typeof each.currentRoundTripTime === "number") return each.currentRoundTripTime;
  }
  return null;
}
