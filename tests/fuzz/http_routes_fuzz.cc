// Lines "host path" as routes and as requests: the compiled table answers as the naive model does,
// and refuses exactly what is invalid or there twice.
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "http/routes_testing.h"
#include "http/url.h"

namespace moln::http {
namespace {

using testing::OwnedRoute;

std::vector<OwnedRoute> read_lines(std::string_view text) {
    std::vector<OwnedRoute> lines;
    while (!text.empty() && lines.size() < 64) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        const std::size_t blank = std::min(line.find(' '), line.size());
        lines.push_back({std::string(line.substr(0, blank)),
                         std::string(line.substr(std::min(blank + 1, line.size()))),
                         static_cast<std::uint32_t>(lines.size())});
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

void check(std::string_view text) {
    const std::vector<OwnedRoute> lines = read_lines(text);
    std::vector<OwnedRoute> kept;
    std::set<std::pair<std::string, std::string>> seen;
    for (const OwnedRoute& line : lines) {
        if (!RouteTable::compile(testing::views({line}))) continue;
        std::string path = line.path;
        if (path.ends_with('/')) path.pop_back();
        if (seen.insert({line.host, path}).second) {
            kept.push_back(line);
            continue;
        }
        std::vector<OwnedRoute> twice = kept;
        twice.push_back(line);
        CHECK(!RouteTable::compile(testing::views(twice)));
    }
    const auto table = RouteTable::compile(testing::views(kept));
    CHECK(table.has_value());
    for (const OwnedRoute& line : lines) {
        if (!line.path.starts_with('/')) continue;
        CHECK(table->find(line.host, line.path) == naive_find(kept, line.host, line.path));
        for (const OwnedRoute& other : lines) {
            const std::string path = line.path + other.path;
            CHECK(table->find(other.host, path) == naive_find(kept, other.host, path));
        }
    }
}

}  // namespace
}  // namespace moln::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    moln::http::check({reinterpret_cast<const char*>(data), size});
    return 0;
}
