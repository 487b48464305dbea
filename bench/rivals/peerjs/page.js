// As PeerJS's guide sends a file, with the care that a large one needs: in slices, no faster than the channel takes them.
const SLICE = 1 << 20;
const MOST = 8 << 20;
const at = new URL(location.href).searchParams;
const peer = new Peer(at.get("own"), { host: "127.0.0.1", port: Number(at.get("port")), path: "/", config: { iceServers: [] } });
const opened = new Promise((resolve) => peer.on("open", resolve));
globalThis.ready = () => opened;

globalThis.receive = () =>
  new Promise((resolve) => {
    peer.on("connection", (connection) => {
      const pieces = [];
      let began = 0;
      connection.on("data", async (data) => {
        if (data instanceof ArrayBuffer || ArrayBuffer.isView(data)) {
          began ||= performance.now();
          pieces.push(new Blob([data]));
          return;
        }
        const whole = new Blob(pieces);
        connection.send("done");
        resolve({ seconds: (performance.now() - began) / 1000, size: whole.size, url: URL.createObjectURL(whole) });
      });
    });
  });

globalThis.send = async (to) => {
  const [file] = document.querySelector("#file").files;
  const connection = peer.connect(to, { reliable: true });
  await new Promise((resolve) => connection.on("open", resolve));
  const over = new Promise((resolve) => connection.on("data", resolve));
  for (let begin = 0; begin < file.size; begin += SLICE) {
    connection.send(await file.slice(begin, begin + SLICE).arrayBuffer());
    while (connection.dataChannel.bufferedAmount + connection.bufferSize * 16300 > MOST) await new Promise((wake) => setTimeout(wake, 2));
  }
  connection.send("end");
  await over;
};
