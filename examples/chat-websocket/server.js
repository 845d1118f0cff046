// A chat room over WebSocket (RFC 6455), without packages. A deploy does not cut anybody off: the
// old instance keeps its sockets until they close, new ones go to the new instance.
const crypto = require("node:crypto");
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");

const MESSAGE_BYTES_MAX = 4096; // of one message; a longer one closes the socket
const BACKLOG_BYTES_MAX = 1 << 20; // waiting for a slow reader; past it the reader is dropped
const TEXT = 1, CLOSE = 8, PING = 9, PONG = 10;

const page = fs.readFileSync(path.join(__dirname, "index.html"));
const sockets = new Set();

const server = http.createServer((request, response) => {
  response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" });
  response.end(page);
});

function frame(opcode, payload) {
  const head = payload.length < 126
    ? Buffer.from([0x80 | opcode, payload.length])
    : Buffer.from([0x80 | opcode, 126, payload.length >> 8, payload.length & 255]);
  return Buffer.concat([head, payload]);
}

function close(socket, code) {
  sockets.delete(socket);
  socket.end(frame(CLOSE, Buffer.from([code >> 8, code & 255])));
}

function broadcast(payload) {
  const bytes = frame(TEXT, payload);
  for (const socket of sockets) {
    if (socket.writableLength > BACKLOG_BYTES_MAX) socket.destroy();
    else socket.write(bytes);
  }
}

function act(socket, opcode, payload) {
  if (opcode === TEXT) broadcast(payload);
  else if (opcode === PING) socket.write(frame(PONG, payload));
  else if (opcode === CLOSE) close(socket, 1000);
}

// Takes one frame from the front of `bytes`: how many bytes it had, 0 if it is not all there yet,
// -1 if it is none that this server takes (unmasked, in fragments, too long).
function takeFrame(socket, bytes) {
  if (bytes.length < 2) return 0;
  const whole = bytes[0] & 0x80, masked = bytes[1] & 0x80;
  let length = bytes[1] & 0x7f, at = 2;
  if (!whole || !masked || length === 127) return -1;
  if (length === 126) {
    if (bytes.length < 4) return 0;
    length = bytes.readUInt16BE(2);
    at = 4;
  }
  if (length > MESSAGE_BYTES_MAX) return -1;
  const end = at + 4 + length;
  if (bytes.length < end) return 0;
  const mask = bytes.subarray(at, at + 4);
  const payload = Buffer.from(bytes.subarray(at + 4, end)).map((byte, i) => byte ^ mask[i & 3]);
  act(socket, bytes[0] & 0x0f, payload);
  return end;
}

server.on("upgrade", (request, socket, head) => {
  const key = request.headers["sec-websocket-key"];
  if (!key) return socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
  const accept = crypto
    .createHash("sha1")
    .update(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
    .digest("base64");
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    `Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
  sockets.add(socket);
  let waiting = head;
  const read = (bytes) => {
    waiting = Buffer.concat([waiting, bytes]);
    for (let taken = 1; taken > 0; waiting = waiting.subarray(Math.max(taken, 0))) {
      taken = takeFrame(socket, waiting);
      if (taken < 0) return close(socket, 1009);
    }
  };
  socket.on("data", read);
  socket.on("end", () => socket.end()); // a client that left without a close frame
  socket.on("error", () => socket.destroy());
  socket.on("close", () => sockets.delete(socket));
  read(Buffer.alloc(0));
});

server.listen(process.env.PORT || 8080, () => {
  console.log(`listening on port ${server.address().port}`);
});

// Sent when the last socket has gone, or when a drain limit has passed: then clients are told to
// come again (1001, going away).
process.on("SIGTERM", () => {
  for (const socket of [...sockets]) close(socket, 1001);
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
