// A data channel and nothing else: no file, no seal, no hash, nothing kept. What WebRTC itself gives on this machine.
const MESSAGE = 65536;
const HIGH = 1 << 20;
globalThis.peer = new RTCPeerConnection();
globalThis.got = 0;
peer.ondatachannel = ({ channel }) => {
  channel.binaryType = "arraybuffer";
  channel.onmessage = ({ data }) => (got += data.byteLength);
};
const described = async () => {
  while (peer.iceGatheringState !== "complete") await new Promise((wake) => setTimeout(wake, 10));
  return peer.localDescription.toJSON();
};
globalThis.offer = async () => {
  globalThis.channel = peer.createDataChannel("bare");
  await peer.setLocalDescription();
  return described();
};
globalThis.answer = async (offered) => {
  await peer.setRemoteDescription(offered);
  await peer.setLocalDescription();
  return described();
};
globalThis.connect = async (answered) => {
  const opened = new Promise((resolve) => (channel.onopen = resolve));
  await peer.setRemoteDescription(answered);
  await opened;
};
globalThis.send = async (size) => {
  channel.bufferedAmountLowThreshold = HIGH / 4;
  const message = new Uint8Array(MESSAGE);
  for (let left = size; left > 0; left -= MESSAGE) {
    if (channel.bufferedAmount > HIGH) await new Promise((resolve) => (channel.onbufferedamountlow = resolve));
    channel.send(message.subarray(0, Math.min(MESSAGE, left)));
  }
};
