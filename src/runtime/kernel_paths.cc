#include "runtime/kernel_paths.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace moln {
namespace {

constexpr const char* k_job = "kernel_paths";  // one call of the table at a time

const EndpointReport* find(const std::vector<EndpointReport>& in, const InstanceId& instance) {
    const auto found = std::ranges::find(in, instance, &EndpointReport::instance);
    return found == in.end() ? nullptr : &*found;
}

// Nothing in the kernel sends a new connection to who was there before and is not any more.
bool takes_away(const PathTableSpec& before, const PathTableSpec& now) {
    return std::ranges::any_of(before.paths, [&](const KernelPath& path) {
        const auto same = std::ranges::find(now.paths, path.listen, &KernelPath::listen);
        return same == now.paths.end() || *same != path;
    });
}

}  // namespace

// What a pool thread is to do, in the order of the members.
struct KernelPaths::Work {
    bool probe = false;
    bool look_around = false;
    std::optional<PathTableSpec> apply = std::nullopt;
    bool settle = false;
    bool count = false;
    std::shared_ptr<const EdgeSnapshot> snapshot = nullptr;
};

struct KernelPaths::Done {
    Work work;
    std::string cannot;
    std::string in_the_way;
    Status applied;
    Status counted;
    bool empty = true;  // not one flow is open
    std::int64_t flows = 0;
    node::FlowCount count;
};

KernelPaths::KernelPaths(Loop& loop, EdgeLink& edges, PathTable& table, std::string forbidden)
    : loop_(loop), edges_(edges), table_(table), forbidden_(std::move(forbidden)) {}

void KernelPaths::recover() {
    present_ = table_.is_there();
    if (!present_) return;
    look_due_ = true;
}

void KernelPaths::publish(const EdgeSnapshot& snapshot) {
    edges_.publish(snapshot);
    published_ = true;
    // The last streams to go concern it, too, wherever it is with what was before.
    const bool concerned = present_ || !snapshot.streams.empty() || !snapshot_->streams.empty() ||
                           (applied_ && !applied_->listens.empty());
    if (!concerned) return;
    // Routes of HTTP and certificates are none of its business, and may be many.
    EdgeSnapshot part;
    part.version = snapshot.version;
    part.epoch = snapshot.epoch;
    part.apps = snapshot.apps;
    part.streams = snapshot.streams;
    snapshot_ = std::make_shared<const EdgeSnapshot>(std::move(part));
    forget_the_gone();
    work();
}

void KernelPaths::on_news(std::function<void(const EdgeNews&)> callback) {
    news_ = std::move(callback);
    edges_.on_news([this](const EdgeNews& news) { heard(news); });
    if (present_) tell(EdgeNews::Kind::began);
}

void KernelPaths::tell(EdgeNews::Kind kind, const EdgeReport* report) const {
    if (news_) news_({.process = k_kernel_process, .kind = kind, .report = report});
}

// ---- what the edges say -----------------------------------------------------------------------

void KernelPaths::heard(const EdgeNews& news) {
    const bool changed = news.kind == EdgeNews::Kind::reported && note(*news.report);
    if (news_) news_(news);
    if (changed) work();
}

// What was heard once stays true until the contrary is heard: with no edge at all the kernel goes
// on. One that is about to leave is not asked.
bool KernelPaths::note(const EdgeReport& report) {
    if (report.leaving) return false;
    const bool first = !std::exchange(heard_, true);
    if (snapshot_->streams.empty()) return first && present_;
    const auto addresses = sight_.addresses;
    const auto healthy = sight_.healthy;
    for (const auto& one : report.streams) {
        if (!one.addresses.empty()) {
            sight_.addresses[one.listen] = one.addresses;
        } else if (!one.problem.empty()) {
            sight_.addresses.erase(one.listen);
        }
    }
    for (const auto& endpoint : report.endpoints) {
        if (endpoint.health == EndpointHealth::healthy) sight_.healthy.insert(endpoint.instance);
        if (endpoint.health == EndpointHealth::unhealthy) sight_.healthy.erase(endpoint.instance);
    }
    return first || addresses != sight_.addresses || healthy != sight_.healthy;
}

void KernelPaths::forget_the_gone() {
    std::set<std::string> listens;
    for (const auto& stream : snapshot_->streams) listens.insert(stream.listen);
    std::erase_if(sight_.addresses, [&](const auto& one) { return !listens.contains(one.first); });
    std::set<InstanceId> instances;
    for (const auto& app : snapshot_->apps) {
        for (const auto& endpoint : app.endpoints) instances.insert(endpoint.instance);
    }
    std::erase_if(sight_.healthy, [&](const auto& id) { return !instances.contains(id); });
}

// ---- what is to be done -----------------------------------------------------------------------

void KernelPaths::work() {
    if (busy_) {
        again_ = true;
        return;
    }
    auto next = next_work();
    if (next.probe || next.look_around || next.apply || next.count) begin(std::move(next));
}

KernelPaths::Work KernelPaths::next_work() {
    Work work;
    const auto now = loop_.now().mono;
    const bool may = !snapshot_->streams.empty() && !ending_ && forbidden_.empty();
    work.probe = may && !probed_ && now >= refused_until_;
    work.look_around = may && (!looked_around_ || now - *looked_around_ >= k_path_look_around);
    // Nothing is decided upon half of what is to be known, least of all that what a daemon before
    // this one has set up should go.
    const bool left_alone = present_ && !applied_ && !(published_ && heard_) && !ending_;
    if (work.probe || left_alone) return work;
    auto sight = sight_;
    if (!forbidden_.empty()) sight.cannot = forbidden_;
    decision_ = node::decide_paths(ending_ ? EdgeSnapshot{} : *snapshot_, sight);
    const auto& wanted = decision_.table;
    const bool untouched = !applied_ && !present_ && wanted == PathTableSpec{};
    if (!untouched && applied_ != wanted) work.apply = wanted;
    if (!wanted.paths.empty() && !present_) {
        present_ = true;
        reported_.reset();
        tell(EdgeNews::Kind::began);
    }
    const bool told = reported_ && reported_->acked_version == snapshot_->version &&
                      reported_->acked_epoch == snapshot_->epoch;
    work.settle = work.apply && (!applied_ || takes_away(*applied_, wanted));
    work.count = present_ && (look_due_ || work.apply || !told);
    work.snapshot = snapshot_;
    return work;
}

void KernelPaths::begin(Work work) {
    busy_ = true;
    look_due_ = false;
    ++looks_;
    auto job = [&table = table_, work = std::move(work)] {
        Done done{.work = work};
        if (work.probe) done.cannot = table.cannot();
        if (work.look_around) done.in_the_way = table.in_the_way();
        if (work.apply) done.applied = table.apply(*work.apply);
        if (!work.count || !done.applied) return done;
        if (work.settle) table.wait(k_path_settles);
        const auto flows = table.flows();
        if (!flows) {
            done.counted = fail(flows.error());
            return done;
        }
        done.flows = static_cast<std::int64_t>(flows->size());
        done.empty = std::ranges::all_of(*flows, &KernelFlow::over);
        done.count = node::count_flows(*work.snapshot, *flows);
        (void)table.end_flows(done.count.to_end);  // those that stay are tried again
        return done;
    };
    run_blocking<Done>(loop_, k_job, std::move(job), [this](const Done& done) { end(done); });
}

// ---- what was done ----------------------------------------------------------------------------

void KernelPaths::end(const Done& done) {
    busy_ = false;
    const auto now = loop_.now().mono;
    if (done.work.probe) {
        probed_ = true;
        sight_.cannot = done.cannot;
        if (!done.cannot.empty()) refused_until_ = now + k_path_refused;
        again_ = true;
    }
    if (done.work.look_around) {
        looked_around_ = now;
        again_ = again_ || sight_.in_the_way != done.in_the_way;
        sight_.in_the_way = done.in_the_way;
    }
    take_table(done);
    if (done.work.count && done.applied && done.counted) take_count(done);
    const bool stuck = done.work.apply && !done.applied;
    if (ending_) end_closing(stuck);
    if (std::exchange(again_, false)) {
        work();
        if (busy_) return;
    }
    look_later();
}

void KernelPaths::take_table(const Done& done) {
    if (!done.work.apply) return;
    if (done.applied) {
        applied_ = done.work.apply;
        return;
    }
    // The edge does it then, if only what is there can be taken away.
    applied_.reset();
    sight_.cannot = done.applied.error().reason;
    refused_until_ = loop_.now().mono + k_path_refused;
    again_ = again_ || !done.work.apply->paths.empty();
}

// Zero is believed when it was seen twice: it lets an instance be ended.
void KernelPaths::take_count(const Done& done) {
    auto open = done.count.endpoints;
    for (const auto& before : counted_) {
        if (find(open, before.instance) == nullptr) open.push_back(before);
    }
    std::ranges::sort(open, {}, &EndpointReport::instance);
    const bool sure = open.size() == done.count.endpoints.size();
    counted_ = done.count.endpoints;
    flows_ = done.flows;
    EdgeReport next;
    next.acked_version = done.work.snapshot->version;
    next.acked_epoch = done.work.snapshot->epoch;
    next.endpoints = std::move(open);
    if (reported_ != next) {
        reported_ = std::move(next);
        tell(EdgeNews::Kind::reported, &*reported_);
    }
    if (sure && done.empty && applied_ && applied_->paths.empty() &&
        decision_.table.paths.empty()) {
        present_ = false;
        reported_.reset();
        tell(EdgeNews::Kind::ended);
    }
}

bool KernelPaths::is_draining(const std::vector<EndpointReport>& open) const {
    for (const auto& app : snapshot_->apps) {
        for (const auto& endpoint : app.endpoints) {
            if (endpoint.state != EndpointState::draining) continue;
            if (find(open, endpoint.instance) != nullptr) return true;
        }
    }
    return false;
}

void KernelPaths::look_later() {
    const bool streams = !snapshot_->streams.empty() && forbidden_.empty();
    if (!present_ && !streams && !ending_) return;
    const bool soon = ending_ || (reported_ && is_draining(reported_->endpoints));
    const auto pause =
        (soon ? k_path_look_draining : k_path_look) * (1 + flows_ / k_path_flows_a_look);
    loop_.after(pause, [this, number = ++looks_] {
        if (number != looks_) return;
        look_due_ = true;
        if (probed_ && !sight_.cannot.empty() && loop_.now().mono >= refused_until_) {
            probed_ = false;
        }
        work();
        if (!busy_) look_later();
    });
}

// ---- what is counted --------------------------------------------------------------------------

void KernelPaths::metrics(std::function<void(Result<std::string>)> done) {
    if (!present_) return loop_.post([done = std::move(done)] { done(std::string()); });
    using Counts = Result<std::vector<PathCount>>;
    run_blocking<Counts>(
        loop_, k_job, [&table = table_] { return table.counts(); },
        [this, done = std::move(done)](const Counts& counts) {
            if (!counts) return done(fail(counts.error()));
            done(node::path_metrics(*counts, counted_));
        });
}

// ---- the end ----------------------------------------------------------------------------------

void KernelPaths::close(Ending ending, std::function<void()> done) {
    if (done) closed_ = std::move(done);
    ending_ = ending;
    look_due_ = true;
    if (!busy_) work();
    if (!busy_) end_closing(false);
    again_ = busy_;
}

// `stuck`: the kernel has just refused. Who cannot wait leaves things to the next daemon.
void KernelPaths::end_closing(bool stuck) {
    const bool clean = (!present_ && !applied_) || applied_ == PathTableSpec{};
    const bool over = *ending_ == Ending::now ? clean || stuck : clean && !present_;
    if (!over || !closed_) return;
    loop_.post(std::exchange(closed_, nullptr));
}

}  // namespace moln
