// A stored body as it is in each content coding: made once for each, when it is first wanted, and
// never changed. Any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "edge/cache/compressing.h"
#include "runtime/edge/cache_body.h"

namespace moln::edge_loop {

class CodedForms {
public:
    // Null: it is not there, or not yet.
    CacheBody* find(ContentCoding coding) const {
        const Form& one = form(coding);
        return one.state.load(std::memory_order_acquire) == State::ready ? one.body.get() : nullptr;
    }
    // It will not be there: compressed it is hardly smaller.
    bool is_refused(ContentCoding coding) const {
        return form(coding).state.load(std::memory_order_relaxed) == State::refused;
    }
    // True: the caller has it made, and calls one of those below.
    bool claim(ContentCoding coding) {
        State none = State::none;
        return form(coding).state.compare_exchange_strong(none, State::claimed);
    }
    void put(ContentCoding coding, std::unique_ptr<CacheBody> body) {
        Form& one = form(coding);
        one.body = std::move(body);
        one.state.store(State::ready, std::memory_order_release);
    }
    // Not now.
    void release(ContentCoding coding) { form(coding).state.store(State::none); }
    // Not in any coding that nobody makes yet: what one cannot shorten the others cannot.
    void refuse(ContentCoding coding) {
        form(coding).state.store(State::refused);
        for (Form& other : forms_) {
            State none = State::none;
            other.state.compare_exchange_strong(none, State::refused);
        }
    }
    // What the forms that are there cost.
    std::size_t bytes() const {
        std::size_t out = sizeof(CodedForms);
        for (const ContentCoding coding : edge::k_coding_order) {
            const CacheBody* body = find(coding);
            if (body != nullptr) out += sizeof(CacheBody) + body->capacity();
        }
        return out;
    }

private:
    enum class State : std::uint8_t { none, claimed, ready, refused };
    struct Form {
        std::atomic<State> state = State::none;
        std::unique_ptr<CacheBody> body;  // set before `ready`
    };
    Form& form(ContentCoding coding) { return forms_[static_cast<std::size_t>(coding)]; }
    const Form& form(ContentCoding coding) const {
        return forms_[static_cast<std::size_t>(coding)];
    }

    std::array<Form, k_content_codings> forms_;
};

}  // namespace moln::edge_loop
