#include "api/settle.h"

#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "api/progress.h"
#include "api/view.h"

namespace moln::api {
namespace {

class Settle final : public Stream, public std::enable_shared_from_this<Settle> {
public:
    Settle(Lines lines, CommandReply reply, std::vector<std::string> warnings)
        : lines_(std::move(lines)),
          context_(lines_.call()->shared_context()),
          reply_(std::move(reply)),
          warnings_(std::move(warnings)) {}
    Settle(Lines lines, CommandReply reply, Departure departure)
        : Settle(std::move(lines), std::move(reply), std::vector<std::string>{}) {
        departure_ = std::move(departure);
    }
    Settle(Lines lines, CommandReply reply, std::int64_t plans)
        : Settle(std::move(lines), std::move(reply), std::vector<std::string>{}) {
        plans_ = plans;
    }

    void start() {
        context_->streams.insert(shared_from_this());
        const auto& world = context_->control.world();
        if (!departure_ && !plans_) {
            const auto& app = world.apps.at(reply_.app);
            const auto* shown = shown_release(world, app);
            release_ = reply_.release != 0 || shown == nullptr ? reply_.release : shown->number;
            // What was ready before the change is no news; of a new release everything is.
            const auto progress =
                reply_.release != 0 ? Progress{} : progress_of(world, app, release_);
            for (const auto& id : progress.ready) told_[id] = progress.instances.at(id);
        }
        lines_.call()->exchange->on_gone([weak = weak_from_this()] {
            if (const auto self = weak.lock()) self->finish();
        });
        watching_ = context_->control.on_change([weak = weak_from_this()] {
            if (const auto self = weak.lock()) self->look_soon();
        });
        said_ = context_->control.now().mono;
        look();
    }

private:
    // Not at each of a burst of changes; and again and again, to say that it still waits.
    void look_soon() {
        if (soon_ || done_) return;
        soon_ = true;
        context_->loop.after(k_settle_look_interval, [weak = weak_from_this()] {
            const auto self = weak.lock();
            if (self == nullptr || self->done_) return;
            self->soon_ = false;
            self->look();
        });
    }

    void look() {
        const auto& world = context_->control.world();
        if (!departure_ && !plans_ && !world.apps.contains(reply_.app)) {
            return fail({ErrorCode::conflict,
                         fmt::format("app {} was removed meanwhile", name_of(reply_.app))});
        }
        const auto progress = progress_now();
        // One that failed may be gone by the time that the release is given up; its log stays.
        if (!progress.failing.empty()) failing_ = progress.failing;
        tell(progress);
        switch (progress.state) {
            case ProgressState::going_on: return wait_for_word();
            case ProgressState::settled:
                if (departure_) reply_.text = end_words(*departure_);
                lines_.result(to_json(change_view(world, reply_, std::move(warnings_))));
                return finish();
            case ProgressState::superseded:
                return fail({ErrorCode::conflict,
                             departure_
                                 ? fmt::format("app {}: {}", name_of(reply_.app), progress.reason)
                                 : fmt::format("app {}: release {} was overtaken: {}",
                                               name_of(reply_.app), release_, progress.reason)});
            case ProgressState::failed: return show_log_and_fail(progress);
        }
    }

    Progress progress_now() const {
        const auto& world = context_->control.world();
        if (departure_) return progress_of(world, *departure_);
        if (!plans_) return progress_of(world, world.apps.at(reply_.app), release_);
        const bool planned = context_->control.plans() > *plans_;
        return progress_of(world, planned ? Planned::yes : Planned::no);
    }

    static std::string end_words(const Departure& departure) {
        if (!departure.instance.empty()) return departure.instance.text + " has ended";
        if (departure.run == AppRun::stopped) return departure.app.text + " is stopped";
        return departure.app.text + " is in the trash; see `moln trash ls`";
    }

    void tell(const Progress& progress) {
        bool changed = false;
        for (const auto& [id, text] : progress.instances) {
            if (std::exchange(told_[id], text) == text) continue;
            lines_.progress(text);
            changed = true;
        }
        const auto now = context_->control.now().mono;
        if (changed) {
            said_ = now;
        } else if (progress.state == ProgressState::going_on &&
                   (now - said_) >= k_settle_word_interval) {
            said_ = now;
            lines_.progress(progress.summary.empty() ? "waiting" : "waiting: " + progress.summary);
        }
    }

    void wait_for_word() {
        if (timer_) return;
        timer_ = true;
        context_->loop.after(k_settle_word_interval, [weak = weak_from_this()] {
            const auto self = weak.lock();
            if (self == nullptr || self->done_) return;
            self->timer_ = false;
            self->look();
        });
    }

    void show_log_and_fail(const Progress& progress) {
        const Error error{ErrorCode::failed,
                          progress.reason.empty()
                              ? fmt::format("app {}: did not become as wanted", name_of(reply_.app))
                              : progress.reason};
        if (failing_.empty()) return fail(error);
        context_->release_soon(std::move(watching_));
        LogQuery query;
        query.app = reply_.app;
        query.instance = failing_.text;
        query.lines = k_settle_log_lines;
        logs_ = context_->control.logs(
            query,
            [weak = weak_from_this()](const LogLine& line) {
                const auto self = weak.lock();
                if (self == nullptr || self->done_) return;
                if (!std::exchange(self->shows_log_, true)) {
                    self->lines_.progress(fmt::format("last lines of {}:", self->failing_.text));
                }
                self->lines_.progress("  | " + line.text);
            },
            [weak = weak_from_this(), error](const Status&) {
                const auto self = weak.lock();
                if (self == nullptr || self->done_) return;
                if (!self->shows_log_) {
                    self->lines_.progress(self->failing_.text + " has printed nothing");
                }
                self->fail(error);
            });
    }

    void fail(const Error& error) {
        if (done_) return;
        lines_.fail(error);
        finish();
    }

    void finish() {
        if (std::exchange(done_, true)) return;
        context_->release_soon(std::move(watching_));
        context_->release_soon(std::move(logs_));
        context_->streams.erase(shared_from_this());
    }

    Lines lines_;
    std::shared_ptr<ServiceContext> context_;
    CommandReply reply_;
    std::vector<std::string> warnings_;
    std::optional<Departure> departure_;
    std::optional<std::int64_t> plans_;  // of the edges alone: how many there were before
    std::int64_t release_ = 0;
    InstanceId failing_;
    std::map<InstanceId, std::string> told_;
    MonoTime said_;
    std::shared_ptr<void> watching_;
    std::shared_ptr<void> logs_;
    bool shows_log_ = false;
    bool soon_ = false;
    bool timer_ = false;
    bool done_ = false;
};

}  // namespace

void settle(Lines lines, const CommandReply& reply, std::vector<std::string> warnings) {
    std::make_shared<Settle>(std::move(lines), reply, std::move(warnings))->start();
}

void settle_departure(const std::shared_ptr<Call>& call, const CommandReply& reply,
                      const Departure& departure) {
    Lines lines(call);
    lines.begin();
    std::make_shared<Settle>(std::move(lines), reply, departure)->start();
}

void settle_edges(const std::shared_ptr<Call>& call, const CommandReply& reply) {
    Lines lines(call);
    lines.begin();
    const auto plans = call->control().plans();
    std::make_shared<Settle>(std::move(lines), reply, plans)->start();
}

void settle(const std::shared_ptr<Call>& call, const CommandReply& reply,
            std::vector<std::string> warnings) {
    Lines lines(call);
    lines.begin();
    settle(std::move(lines), reply, std::move(warnings));
}

}  // namespace moln::api
