#include "api/follow.h"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "api/line_stream.h"
#include "api/view.h"

namespace moln::api {
namespace {

constexpr std::string_view k_one_off_process = "run";

class LogStream final : public LineStream {
public:
    explicit LogStream(const std::shared_ptr<Call>& call) : LineStream(call) {}

    // Of an instance that is gone there may be a log yet, but nothing more will come.
    void start(LogQuery query) {
        past_ = query.lines;
        const auto& instances = context_->control.world().instances;
        const auto found = instances.find(InstanceId(query.instance));
        const bool known = found != instances.end() && found->second.app == query.app;
        if (!query.instance.empty() && !known) {
            gone_ = query.instance;
            query.follow = false;
            // Who goes on behind a line has seen that there is one.
            said_anything_ = !query.after.empty();
            is_since_ = query.since.ms != 0;
        }
        open();
        source_ = context_->control.logs(query, later(this, &LogStream::line),
                                         later(this, &LogStream::end));
    }

private:
    // Those of the past come at once, faster than anybody reads: they wait, and are as many as were
    // asked for. After them instances print as fast as they like: what a slow reader cannot take is
    // counted, not kept.
    void line(LogLine line) {
        if (done_) return;
        said_anything_ = true;
        const bool past = past_ > 0;
        if (past) --past_;
        if (waiting_.empty() && lines_.has_room()) {
            send_more();
            write(line);
        } else if (past) {
            waiting_.push_back(std::move(line));
        } else {
            ++skipped_;
        }
    }

    void write(const LogLine& line) {
        lines_.write(to_json(LogView{line.at, line.instance, line.process,
                                     line.is_error ? "stderr" : "stdout", valid_utf8(line.text),
                                     line.position.text()}));
    }

    void send_more() override {
        if (done_) return;
        while (!waiting_.empty() && lines_.has_room()) {
            write(waiting_.front());
            waiting_.pop_front();
        }
        if (!waiting_.empty()) return;
        if (skipped_ > 0) lines_.write(json::object{{"skipped", std::exchange(skipped_, 0)}});
        if (!ended_) return;
        *ended_ ? lines_.end() : lines_.fail(ended_->error());
        finish();
    }

    void end(Status status) {
        if (done_) return;
        ended_ = std::move(status);
        if (*ended_ && !gone_.empty() && !said_anything_) {
            ended_ =
                fail(ErrorCode::not_found,
                     fmt::format("instance {}: there is none, and no log of one{}; see `moln ps`",
                                 gone_, is_since_ ? " since then" : ""));
        }
        send_more();
    }

    std::int64_t past_ = 0;  // lines that may yet be of it
    std::deque<LogLine> waiting_;
    std::optional<Status> ended_;  // the source has, once all that waits is sent
    std::int64_t skipped_ = 0;
    std::string gone_;  // the instance that was asked for, if it is none of today's
    bool said_anything_ = false;
    bool is_since_ = false;  // only what was printed since then was asked for
};

class EventStream final : public LineStream {
public:
    explicit EventStream(const std::shared_ptr<Call>& call)
        : LineStream(call), filter_{call->project(), call->app_filter()} {}

    void start(std::int64_t after, bool follow) {
        last_ = after;
        follow_ = follow;
        open();
        if (follow_) source_ = context_->control.on_change(later(this, &EventStream::send_more));
        send_more();
    }

    bool takes(const Event& event) const {
        // What belongs to no app is everybody's, unless one app was asked for.
        return event.app.empty() ? filter_.app.empty() : filter_.takes(event.app);
    }

private:
    // The World keeps the events: a slow reader is simply further behind.
    void send_more() override {
        if (done_) return;
        const auto& all = context_->control.world().events;
        for (auto next = all.upper_bound(last_); next != all.end(); ++next) {
            if (!lines_.has_room()) return;
            last_ = next->first;
            if (takes(next->second)) lines_.write(to_json(next->second));
        }
        if (follow_) return;
        lines_.end();
        finish();
    }

    AppFilter filter_;
    std::int64_t last_ = 0;
    bool follow_ = false;
};

// A process of any release that is kept: what its instances printed is, too.
Status process_known(const World& world, const AppId& app, const std::string& process) {
    if (process.empty() || process == k_one_off_process) return {};
    std::string known;
    if (const auto releases = world.releases.find(app); releases != world.releases.end()) {
        for (const auto& [number, release] : releases->second) {
            if (release.config.processes.contains(process)) return {};
        }
        const auto& latest = releases->second.rbegin()->second.config;
        for (const auto& [name, spec] : latest.processes) {
            known += (known.empty() ? "" : ", ") + name;
        }
        if (latest.site) known += known.empty() ? "a site, which prints nothing" : " and a site";
    }
    return fail(ErrorCode::not_found, fmt::format("{} has no process {}{}", app.text, process,
                                                  known.empty() ? "" : ": it has " + known));
}

// "web-a.1.2.3,web-b.4.5.6"; of one instance that is named twice the last counts.
Result<std::map<InstanceId, LogPosition>> positions_of(std::string_view text) {
    std::map<InstanceId, LogPosition> positions;
    while (!text.empty()) {
        const auto comma = std::min(text.find(','), text.size());
        MOLN_ASSIGN(auto position, parse_log_position(text.substr(0, comma)));
        text.remove_prefix(std::min(comma + 1, text.size()));
        positions.insert_or_assign(position.instance, std::move(position));
        if (positions.size() > k_log_positions_max) {
            return fail(ErrorCode::invalid,
                        fmt::format("expected at most {} positions", k_log_positions_max));
        }
    }
    return positions;
}

}  // namespace

void logs(std::shared_ptr<Call> call) {
    const auto app = call->find_app();
    if (!app) return call->fail(app.error());
    LogQuery query;
    query.app = call->app();
    query.process = call->text("process");
    if (auto known = process_known(call->world(), query.app, query.process); !known) {
        return call->fail(known.error());
    }
    query.instance = call->text("instance");
    auto after = positions_of(call->text("after"));
    if (!after) return call->fail(fail_in("after", after.error()).error());
    query.after = std::move(*after);
    query.since = WallTime{call->number("since", 0)};
    const bool goes_on = !query.after.empty() || query.since.ms != 0;
    query.lines = call->number("lines", goes_on ? k_log_lines_max : k_lines_default);
    query.follow = call->flag("follow");
    std::make_shared<LogStream>(call)->start(query);
}

void events(std::shared_ptr<Call> call) {
    const auto stream = std::make_shared<EventStream>(call);
    auto after = call->number("after", 0);
    const bool bounded = !call->text("lines").empty() || call->text("after").empty();
    auto left = call->number("lines", k_lines_default);
    if (bounded) {
        const auto& all = call->world().events;
        auto first = all.end();
        while (first != all.begin() && std::prev(first)->first > after) {
            const auto& event = std::prev(first)->second;
            if (stream->takes(event) && left-- == 0) {
                after = event.number;
                break;
            }
            --first;
        }
    }
    stream->start(after, call->flag("follow"));
}

}  // namespace moln::api
