#include "io/host/edge_links.h"

#include <utility>

#include "io/host/log.h"
#include "model/edge_delta.h"

namespace moln {
namespace {

// What several processes answered to one question.
struct PurgeAnswers {
    std::size_t awaited = 0;
    std::size_t made = 0;
    Status worst;
    std::function<void(Status)> done;

    // One that has ended uses nothing any more; what it kept on the disk the others have, and if
    // there are none, the next one.
    void take(const Status& one, bool has_ended) {
        if (one) ++made;
        if (!one && !has_ended) {
            worst = one.error().code == ErrorCode::unavailable ? fail(not_heard()) : one;
        }
        if (--awaited > 0) return;
        done(worst && made == 0 ? fail(not_heard()) : worst);
    }

    static Error not_heard() {
        return {ErrorCode::unavailable,
                "the edge was lost before it answered and may still use what was to go: purge "
                "again; `moln edge status` tells who serves"};
    }
};

struct RoutesAnswers {
    std::size_t awaited = 0;
    Status worst;
    std::map<std::int64_t, EdgeProcessRoutes> all;  // by process
    std::function<void(Result<std::vector<EdgeProcessRoutes>>)> done;

    void take(std::int64_t process, std::int64_t pid, Result<std::vector<EdgeRouteReport>> one) {
        if (one) {
            all[process] = {.pid = pid, .routes = std::move(*one)};
        } else if (one.error().code != ErrorCode::unavailable) {
            worst = fail(one.error());
        }
        if (--awaited > 0) return;
        if (!worst) return done(fail(worst.error()));
        // One that ended in between is missed only if there is no other.
        if (all.empty()) return done(fail(ErrorCode::unavailable, "the edge ended meanwhile"));
        std::vector<EdgeProcessRoutes> answers;
        for (auto& [number, answer] : all) answers.push_back(std::move(answer));
        done(std::move(answers));
    }
};

}  // namespace

void EdgeLinks::tell(const EdgeNews& news) const {
    if (news_) news_(news);
}

void EdgeLinks::add(std::int64_t process, EdgeSocketOptions options) {
    Line& line = lines_[process];
    line.link = std::make_unique<EdgeSocketLink>(loop_, std::move(options));
    line.link->on_report([this, process](const EdgeReport* report) { heard(process, report); });
    if (latest_) line.link->publish(latest_);
    tell({process, EdgeNews::Kind::began, nullptr});
}

void EdgeLinks::heard(std::int64_t process, const EdgeReport* report) {
    const auto line = lines_.find(process);
    if (line == lines_.end()) return;
    line->second.reports = report != nullptr;
    line->second.was_heard = line->second.was_heard || report != nullptr;
    line->second.seen.reset();
    if (report != nullptr) line->second.seen = process_view(*report, line->second.link->counts());
    tell({process, report != nullptr ? EdgeNews::Kind::reported : EdgeNews::Kind::lost, report});
}

// Not from within a callback of its link.
void EdgeLinks::remove(std::int64_t process) {
    if (lines_.erase(process) > 0) tell({process, EdgeNews::Kind::ended, nullptr});
}

void EdgeLinks::publish(const EdgeSnapshot& snapshot) {
    auto sorted = std::make_shared<EdgeSnapshot>(snapshot);
    if (const auto status = sort_snapshot(*sorted); !status) {
        return log_failure("edge.snapshot_invalid", status.error());
    }
    latest_ = std::move(sorted);
    for (auto& [process, line] : lines_) line.link->publish(latest_);
}

void EdgeLinks::on_news(std::function<void(const EdgeNews&)> callback) {
    news_ = std::move(callback);
    for (const auto& [process, line] : lines_) tell({process, EdgeNews::Kind::began, nullptr});
}

void EdgeLinks::request_metrics(std::function<void(Result<std::string>)> callback) {
    for (auto line = lines_.rbegin(); line != lines_.rend(); ++line) {
        if (line->second.reports) return line->second.link->request_metrics(std::move(callback));
    }
    loop_.post([callback = std::move(callback)] {
        callback(fail(ErrorCode::unavailable, "the edge is not there"));
    });
}

std::optional<EdgeProcessView> EdgeLinks::seen(std::int64_t process) const {
    const auto line = lines_.find(process);
    return line == lines_.end() ? std::nullopt : line->second.seen;
}

void EdgeLinks::request_routes(
    const std::function<void(Result<std::vector<EdgeProcessRoutes>>)>& callback) {
    const auto knows = [](const Line& line) { return line.reports && line.link->counts(); };
    auto answers = std::make_shared<RoutesAnswers>();
    answers->done = callback;
    for (auto& [process, line] : lines_) answers->awaited += knows(line) ? 1 : 0;
    if (answers->awaited == 0) {
        loop_.post([callback] { callback(fail(ErrorCode::unavailable, "the edge is not there")); });
        return;
    }
    for (auto& [process, line] : lines_) {
        if (!knows(line)) continue;
        line.link->request_routes([answers, process = process, pid = line.link->peer_pid()](
                                      auto one) { answers->take(process, pid, std::move(one)); });
    }
}

void EdgeLinks::request_purge(const CachePurge& purge,
                              const std::function<void(Status)>& callback) {
    auto answers = std::make_shared<PurgeAnswers>();
    answers->done = callback;
    for (auto& [process, line] : lines_) answers->awaited += line.was_heard ? 1 : 0;
    if (answers->awaited == 0) {
        loop_.post([callback] { callback(fail(ErrorCode::unavailable, "the edge is not there")); });
        return;
    }
    for (auto& [process, line] : lines_) {
        if (!line.was_heard) continue;
        line.link->request_purge(purge, [this, answers, process = process](const Status& one) {
            answers->take(one, !lines_.contains(process));
        });
    }
}

void EdgeLinks::tell_cache_peers(const std::string& line) {
    for (auto& [process, one] : lines_) one.link->tell_cache_peers(line);
}

void EdgeLinks::offer(std::int64_t pid, const EdgeListenOffer& offer, std::vector<Fd> sockets) {
    for (auto& [process, line] : lines_) {
        if (line.link->peer_pid() == pid) return line.link->offer(offer, std::move(sockets));
    }
}

void EdgeLinks::expect_end() {
    for (auto& [process, line] : lines_) line.link->expect_end();
}

}  // namespace moln
