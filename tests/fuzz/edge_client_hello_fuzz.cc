// Any bytes as a ClientHello: what is found in all of them is found in the shortest prefix that has
// it, and before that there was nothing to decide.
#include <algorithm>
#include <string>

#include "base/check.h"
#include "edge/client_hello.h"
#include "fuzz_input.h"

using namespace moln::edge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = moln::FuzzInput(data, size).rest();
    HelloName name;
    const auto found = parse_client_hello(bytes, name);
    CHECK(found == HelloProgress::done || name.size == 0);
    if (!name.text().empty()) CHECK(moln::http::is_host_name(name.text()));
    bool decided = false;
    for (std::size_t i = 0; i < std::min<std::size_t>(bytes.size(), 600); ++i) {
        HelloName part;
        const auto progress = parse_client_hello(bytes.substr(0, i), part);
        if (progress == HelloProgress::need_more) {
            CHECK(!decided);
            continue;
        }
        decided = true;
        CHECK(progress == found && part.text() == name.text());
    }
    return 0;
}
