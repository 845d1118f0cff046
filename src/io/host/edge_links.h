// The EdgeLink to all processes of a node's edge, a line to each. Who they are is somebody else's
// to know: they are added before they can have anything open, and removed when they are dead.
//
// All calls and callbacks on the loop thread. Destroy before the loop.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/host/edge_socket_link.h"
#include "model/edge_process.h"
#include "model/top_routes.h"
#include "ports/edge_link.h"

namespace moln {

class EdgeLinks final : public EdgeLink {
public:
    explicit EdgeLinks(HostLoop& loop) : loop_(loop) {}

    // `process` is a number that none had before; a later process has a higher one.
    void add(std::int64_t process, EdgeSocketOptions options);
    void remove(std::int64_t process);

    void publish(const EdgeSnapshot& snapshot) override;
    void on_news(std::function<void(const EdgeNews&)> callback) override;

    // Of the newest process that reports. As EdgeSocketLink::request_metrics.
    void request_metrics(std::function<void(Result<std::string>)> callback);

    // What that process reports; none: it cannot be heard now.
    std::optional<EdgeProcessView> seen(std::int64_t process) const;

    // Of every process that reports and tells its counts: those of before do not know the question.
    // `unavailable` when none answers. Else as EdgeSocketLink::request_routes.
    void request_routes(
        const std::function<void(Result<std::vector<EdgeProcessRoutes>>)>& callback);

    // At every process that was ever heard: done when all that have not ended meanwhile have done
    // it. `unavailable`: one was not to be heard and may still use what was to go, or none has done
    // it. Else as EdgeSocketLink::request_purge.
    void request_purge(const CachePurge& purge, const std::function<void(Status)>& callback);

    // To all there are. As EdgeSocketLink::tell_cache_peers.
    void tell_cache_peers(const std::string& line);

    // To the process of that pid. As EdgeSocketLink::offer.
    void offer(std::int64_t pid, const EdgeListenOffer& offer, std::vector<Fd> sockets);

    // All are told to end.
    void expect_end();

private:
    struct Line {
        std::unique_ptr<EdgeSocketLink> link;
        bool reports = false;
        bool was_heard = false;
        std::optional<EdgeProcessView> seen;  // of the last report
    };

    void heard(std::int64_t process, const EdgeReport* report);
    void tell(const EdgeNews& news) const;

    HostLoop& loop_;
    std::function<void(const EdgeNews&)> news_;
    std::shared_ptr<const EdgeSnapshot> latest_;  // null before the first
    std::map<std::int64_t, Line> lines_;
};

}  // namespace moln
