// The steps of compiling a snapshot (compiler.h), each a function of one noun. Not for others.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "edge/compiled.h"
#include "model/edge_delta.h"

namespace moln::edge {

// Of whatever says its app and process.
struct LessByApp {
    using is_transparent = void;
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
        return std::tie(a.app, a.process) < std::tie(b.app, b.process);
    }
};

// Of apps in CompiledSnapshot::apps.
using AppPlaces = std::map<EdgeAppKey, std::uint32_t, LessByApp>;

// The authorities that routes name, each text once: many routes may have the same.
class AuthorityTexts {
public:
    Status add(RouteTarget& target, const EdgeRoute& route);

    std::vector<std::string> texts;
    std::vector<std::pair<std::string, std::uint32_t>> asking;  // as CompiledRoutes::asking

private:
    std::map<std::string_view, std::uint32_t> index_;
};

Status check_app(const EdgeApp& app);
// Who passes its maintenance.
Result<std::vector<IpNetwork>> compile_allowed(const EdgeApp& app);
Result<RouteTarget> compile_target(const EdgeRoute& route, const AppPlaces& places);
Result<std::vector<StreamListen>> compile_streams(const std::vector<EdgeStream>& streams,
                                                  const AppPlaces& places);

}  // namespace moln::edge
