// Any bytes as a PROXY header: what is taken is written, in either version, as one that reads the
// same, and no prefix of it was taken or refused before.
#include "base/check.h"
#include "edge/proxy_header.h"
#include "fuzz_input.h"

using namespace moln;
using namespace moln::edge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = FuzzInput(data, size).rest();
    ProxyHeader header;
    const auto parsed = parse_proxy_header(bytes, header);
    if (parsed.progress != ProxyProgress::done) {
        CHECK(header == ProxyHeader());
        return 0;
    }
    CHECK(parsed.consumed <= bytes.size());
    ProxyHeader again;
    for (std::size_t i = 0; i < parsed.consumed; ++i) {
        CHECK(parse_proxy_header(bytes.substr(0, i), again).progress == ProxyProgress::need_more);
    }
    for (const auto version : {SendProxy::v1, SendProxy::v2}) {
        std::array<char, k_proxy_written_max> room;
        const auto written = write_proxy_header(version, header, room);
        const auto read = parse_proxy_header({room.data(), written}, again);
        CHECK(read.progress == ProxyProgress::done && read.consumed == written);
        CHECK(again == header);
    }
    return 0;
}
