// Keeps a node's kernel passing on what it may of TCP and UDP routes, and stands before the plan as
// one more process of the edge: it acknowledges a snapshot once the kernel sends nothing new to
// what that says is draining, and reports what is open there. So the plan waits for connections in
// the kernel as it does for those in an edge, and knows no difference.
//
// Between the daemon and its line to the edges: all snapshots and news pass through. Loop thread
// only. The loop must not run on after this is destroyed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/kernel_paths.h"
#include "ports/edge_link.h"
#include "ports/host_services.h"
#include "ports/path_table.h"
#include "ports/pool.h"

namespace moln {

// Between looks at the kernel's connections, and while one is waited for.
inline constexpr Milliseconds k_path_look = seconds(1);
inline constexpr Milliseconds k_path_look_draining{200};
// Looking costs as many microseconds or so as there are connections: with more it is done later.
inline constexpr std::int64_t k_path_flows_a_look = 20'000;
// Between looks at the rules of others, and until a kernel that refused is asked again.
inline constexpr Milliseconds k_path_look_around = seconds(10);
inline constexpr Milliseconds k_path_refused = seconds(60);
// A first packet that met the table before it was changed is in the kernel's list of connections by
// then: it takes microseconds on its way, unless its processor has none to spare.
inline constexpr Milliseconds k_path_settles{50};

class KernelPaths final : public EdgeLink {
public:
    // `forbidden`: why the kernel is not to be used though it could; "" if it may.
    KernelPaths(Loop& loop, EdgeLink& edges, PathTable& table, std::string forbidden);

    // First of all calls; blocks for a moment. What a daemon before this one has left goes on.
    void recover();

    void publish(const EdgeSnapshot& snapshot) override;
    void on_news(std::function<void(const EdgeNews&)> callback) override;

    // One for each listen of the snapshot, sorted.
    const std::vector<StreamPath>& told() const { return decision_.told; }

    // What the kernel has counted, in Prometheus' text format; "" if it passes on nothing. `done`
    // on the loop, never from within.
    void metrics(std::function<void(Result<std::string>)> done);

    // Nothing new is taken; `done` when all that was begun is over (Ending::now: at once) and the
    // kernel holds nothing of ours. A second call with Ending::now cuts the first short.
    void close(Ending ending, std::function<void()> done);

private:
    struct Work;
    struct Done;

    void heard(const EdgeNews& news);
    bool note(const EdgeReport& report);
    void forget_the_gone();
    void work();
    Work next_work();
    void begin(Work work);
    void end(const Done& done);
    void take_table(const Done& done);
    void take_count(const Done& done);
    void tell(EdgeNews::Kind kind, const EdgeReport* report = nullptr) const;
    void look_later();
    bool is_draining(const std::vector<EndpointReport>& open) const;
    void end_closing(bool stuck);

    Loop& loop_;
    EdgeLink& edges_;
    PathTable& table_;
    const std::string forbidden_;
    std::function<void(const EdgeNews&)> news_;

    std::shared_ptr<const EdgeSnapshot> snapshot_ = std::make_shared<EdgeSnapshot>();
    node::PathSight sight_;
    node::PathDecision decision_;
    std::optional<PathTableSpec> applied_;  // none: nobody knows what the kernel holds
    bool present_ = false;                  // told as a process
    bool busy_ = false;
    bool again_ = false;  // something changed while busy
    bool look_due_ = false;
    bool probed_ = false;
    bool published_ = false;
    bool heard_ = false;  // an edge that stays: what it says of listens and health
    std::optional<MonoTime> looked_around_;
    MonoTime refused_until_{0};
    std::int64_t looks_ = 0;  // planned; only the latest is carried out
    std::vector<EndpointReport> counted_;
    std::int64_t flows_ = 0;  // at the last look
    std::optional<EdgeReport> reported_;
    std::optional<Ending> ending_;
    std::function<void()> closed_;
};

}  // namespace moln
