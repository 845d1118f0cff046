// Where a canary's answer to a copied request goes: see mirror_flow.h.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "edge/list.h"
#include "runtime/edge/cells.h"
#include "runtime/edge/inner_sink.h"

namespace moln::edge_loop {

struct ByMirror;

class MirrorSink final : public InnerSink, public edge::ListLink<ByMirror> {
public:
    MirrorSink(std::shared_ptr<AppCell> cell, std::int64_t deadline_ms)
        : cell_(std::move(cell)), deadline_ms_(deadline_ms) {}

    std::int64_t deadline_ms() const { return deadline_ms_; }
    void end_by(std::int64_t deadline_ms) { deadline_ms_ = std::min(deadline_ms_, deadline_ms); }

    void shape(http::UpstreamRequest& request, InnerFields& fields) const override;
    Flow take_head(Core& core, Exchange& exchange, const http::BodyFraming& framing) override;
    bool take_body(Core& core, std::string_view data) override;
    void take_refusal(Core& core, Exchange& exchange, const LocalAnswer& answer) override;
    void end(Core& core) override;

private:
    std::shared_ptr<AppCell> cell_;  // the app may be gone before the copy's end
    std::int64_t deadline_ms_;
    std::uint64_t body_bytes_ = 0;
    bool answered_ = false;
    bool failed_ = false;
    bool dropped_ = false;
};

}  // namespace moln::edge_loop
