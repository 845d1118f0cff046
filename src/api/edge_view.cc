#include "api/edge_view.h"

#include <utility>

#include "model/words.h"

namespace moln::api {

std::vector<EdgeProcessView> edge_views(const World& world,
                                        std::vector<EdgeProcessView> processes) {
    // What else than a WebSocket stays open without a request is a connection of a port.
    const auto* tunnel = world.edge.streams.empty() ? "websocket" : "connection";
    for (auto& view : processes) {
        view.node = world.self;
        view.epoch_wanted = world.edge.epoch;
        view.version_wanted = world.edge.version;
        view.open_text = open_words(view, tunnel);
    }
    return processes;
}

std::string drain_words(const EdgeProcessView& view) {
    if (!view.open_text.empty()) return view.open_text;
    // Idle ones, and those that get an answer of the cache or a file.
    const auto connections = view.connections_open.value_or(0);
    return connections > 0 ? count_words(connections, "connection") : "nothing, it is about to end";
}

}  // namespace moln::api
