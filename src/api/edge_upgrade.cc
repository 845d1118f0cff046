#include "api/edge_upgrade.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "api/edge_view.h"
#include "api/line_stream.h"

namespace moln::api {
namespace {

class EdgeUpgradeStream final : public LineStream {
public:
    EdgeUpgradeStream(const std::shared_ptr<Call>& call, EdgeUpgradeStage until)
        : LineStream(call), until_(until) {}

    void start() {
        const auto begun =
            context_->control.upgrade_edge(later(this, &EdgeUpgradeStream::on_served));
        if (!begun) return lines_.fail(begun.error());
        upgrade_ = *begun;
        open();
        lines_.progress(fmt::format("process {} starts; process {} serves until it does",
                                    upgrade_.pid, upgrade_.pid_before));
        if (until_ == EdgeUpgradeStage::begun) {
            end(
                fmt::format("process {} is to take the place of process {}; `moln edge status` "
                            "tells when it has",
                            upgrade_.pid, upgrade_.pid_before));
        }
    }

private:
    using Open = std::array<std::int64_t, 4>;  // requests, held ones, tunnels, other connections

    void on_served(const Status& served) {
        if (done_) return;
        if (!served) {
            lines_.fail(served.error());
            return finish();
        }
        const auto serves = fmt::format("process {} serves", upgrade_.pid);
        if (until_ == EdgeUpgradeStage::ended) {
            lines_.progress(serves);
            return look();
        }
        const auto old = old_process();
        end(old ? fmt::format("{}; process {} finishes {}", serves, old->pid,
                              old->open_text.empty() ? "what it has begun" : old->open_text)
                : serves);
    }

    std::optional<EdgeProcessView> old_process() const {
        const auto& control = context_->control;
        const auto views = edge_views(control.world(), control.edge_processes());
        const auto old = std::ranges::find(views, upgrade_.pid_before, &EdgeProcessView::pid);
        return old == views.end() ? std::nullopt : std::optional(*old);
    }

    void look() {
        if (done_) return;
        const auto old = old_process();
        if (!old) {
            return end(fmt::format("process {} serves; process {} has finished and ended",
                                   upgrade_.pid, upgrade_.pid_before));
        }
        // Before it was heard again nobody knows what it has open.
        if (old->state == EdgeProcessState::leaving) tell(*old);
        context_->loop.after(k_edge_drain_look, later(this, &EdgeUpgradeStream::look));
    }

    // When something was finished, or for a sign of life.
    void tell(const EdgeProcessView& old) {
        const auto idle = old.open_text.empty() ? old.connections_open.value_or(0) : 0;
        const Open open = {old.requests_open, old.requests_held, old.tunnels_open, idle};
        const auto now = context_->control.now().mono;
        const auto pause = open == told_ ? k_edge_drain_word : k_edge_drain_pause;
        if (told_ && now - said_ < pause) return;
        told_ = open;
        said_ = now;
        lines_.progress(fmt::format("process {} drains: {}", old.pid, drain_words(old)));
    }

    void end(std::string text) {
        lines_.result(to_json(EdgeUpgradeView{.stage = until_,
                                              .pid_before = upgrade_.pid_before,
                                              .pid = upgrade_.pid,
                                              .text = std::move(text)}));
        finish();
    }

    EdgeUpgradeStage until_;
    EdgeUpgrade upgrade_;
    std::optional<Open> told_;
    MonoTime said_;
};

}  // namespace

void edge_upgrade(std::shared_ptr<Call> call) {
    const auto word = call->text("until");
    const auto until =
        word.empty() ? EdgeUpgradeStage::serving : enum_from_word<EdgeUpgradeStage>(word);
    if (!until) {
        return call->fail(
            {ErrorCode::invalid,
             fmt::format("until={}: expected begun, serving or ended", valid_utf8(word))});
    }
    std::make_shared<EdgeUpgradeStream>(call, *until)->start();
}

}  // namespace moln::api
