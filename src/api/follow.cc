#include "api/follow.h"

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

    void start(const LogQuery& query) {
        open();
        source_ = context_->control.logs(query, later(this, &LogStream::line),
                                         later(this, &LogStream::end));
    }

private:
    // Instances print as fast as they like: what a slow reader cannot take is counted, not kept.
    void line(const LogLine& line) {
        if (done_) return;
        if (!lines_.has_room()) {
            ++skipped_;
            return;
        }
        send_more();
        lines_.write(to_json(LogView{line.at, line.instance, line.process,
                                     line.is_error ? "stderr" : "stdout", valid_utf8(line.text)}));
    }

    void send_more() override {
        if (done_ || skipped_ == 0) return;
        lines_.write(json::object{{"skipped", std::exchange(skipped_, 0)}});
    }

    void end(const Status& status) {
        if (done_) return;
        send_more();
        status ? lines_.end() : lines_.fail(status.error());
        finish();
    }

    std::int64_t skipped_ = 0;
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
    query.lines = call->number("lines", k_lines_default);
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
