// A web app without packages: answers every request, and ends well when it is told to.
const http = require("node:http");
const os = require("node:os");

const server = http.createServer((request, response) => {
  response.setHeader("Content-Type", "text/plain; charset=utf-8");
  response.end(`Hello from ${os.hostname()}, you asked for ${request.url}\n`);
});

server.listen(process.env.PORT || 8080, () => {
  console.log(`listening on port ${server.address().port}`);
});

// Moln takes the instance out of the edge before it sends this: what is left is to finish.
process.on("SIGTERM", () => {
  console.log("told to stop: finishing open requests");
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
