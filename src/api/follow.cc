#include "api/follow.h"

#include <utility>

#include <fmt/format.h>

#include "api/lines.h"
#include "api/view.h"

namespace moln::api {
namespace {

class LogStream final : public Stream, public std::enable_shared_from_this<LogStream> {
public:
    explicit LogStream(const std::shared_ptr<Call>& call)
        : lines_(call), context_(call->shared_context()) {}

    void start(const LogQuery& query) {
        const auto self = shared_from_this();
        context_->streams.insert(self);
        lines_.begin();
        auto& exchange = *lines_.call()->exchange;
        exchange.on_gone([weak = weak_from_this()] {
            if (const auto stream = weak.lock()) stream->finish();
        });
        exchange.on_room([weak = weak_from_this()] {
            if (const auto stream = weak.lock()) stream->tell_skipped();
        });
        logs_ = context_->control.logs(
            query,
            [weak = weak_from_this()](LogLine line) {
                if (const auto stream = weak.lock()) stream->line(line);
            },
            [weak = weak_from_this()](const Status& end) {
                if (const auto stream = weak.lock()) stream->end(end);
            });
    }

private:
    // Instances print as fast as they like: what a slow reader cannot take is counted, not kept.
    void line(const LogLine& line) {
        if (done_) return;
        if (!lines_.has_room()) {
            ++skipped_;
            return;
        }
        tell_skipped();
        lines_.write(to_json(LogView{line.at, line.instance, line.process,
                                     line.is_error ? "stderr" : "stdout", valid_utf8(line.text)}));
    }

    void tell_skipped() {
        if (done_ || skipped_ == 0) return;
        lines_.write(json::object{{"skipped", std::exchange(skipped_, 0)}});
    }

    void end(const Status& status) {
        if (done_) return;
        tell_skipped();
        status ? lines_.end() : lines_.fail(status.error());
        finish();
    }

    void finish() {
        if (std::exchange(done_, true)) return;
        context_->release_soon(std::move(logs_));
        context_->streams.erase(shared_from_this());
    }

    Lines lines_;
    std::shared_ptr<ServiceContext> context_;
    std::shared_ptr<void> logs_;
    std::int64_t skipped_ = 0;
    bool done_ = false;
};

class EventStream final : public Stream, public std::enable_shared_from_this<EventStream> {
public:
    explicit EventStream(const std::shared_ptr<Call>& call)
        : lines_(call),
          context_(call->shared_context()),
          filter_{call->project(), call->app_filter()} {}

    void start(std::int64_t after, bool follow) {
        const auto self = shared_from_this();
        last_ = after;
        follow_ = follow;
        context_->streams.insert(self);
        lines_.begin();
        auto& exchange = *lines_.call()->exchange;
        const auto send_more = [weak = weak_from_this()] {
            if (const auto stream = weak.lock()) stream->send_more();
        };
        exchange.on_gone([weak = weak_from_this()] {
            if (const auto stream = weak.lock()) stream->finish();
        });
        exchange.on_room(send_more);
        if (follow_) watching_ = context_->control.on_change(send_more);
        send_more();
    }

    bool takes(const Event& event) const {
        // What belongs to no app is everybody's, unless one app was asked for.
        return event.app.empty() ? filter_.app.empty() : filter_.takes(event.app);
    }

private:
    // The World keeps the events: a slow reader is simply further behind.
    void send_more() {
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

    void finish() {
        if (std::exchange(done_, true)) return;
        context_->release_soon(std::move(watching_));
        context_->streams.erase(shared_from_this());
    }

    Lines lines_;
    std::shared_ptr<ServiceContext> context_;
    AppFilter filter_;
    std::shared_ptr<void> watching_;
    std::int64_t last_ = 0;
    bool follow_ = false;
    bool done_ = false;
};

}  // namespace

void logs(std::shared_ptr<Call> call) {
    const auto app = call->find_app();
    if (!app) return call->fail(app.error());
    LogQuery query;
    query.app = call->app();
    query.process = call->text("process");
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
