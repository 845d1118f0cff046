#include "edge/hand_over.h"

#include <utility>

#include "edge/limits.h"

namespace moln::edge {

Result<HandOverLine> parse_hand_over_line(std::string_view line) {
    MOLN_ASSIGN(const auto value, parse_json(line, k_snapshot_bytes_max));
    const auto* object = value.if_object();
    if (object == nullptr) return fail(ErrorCode::invalid, "a line is no object");
    if (const auto* handed = object->if_contains("handed")) {
        auto parsed = from_json<Handed>(*handed, UnknownFields::ignore, "handed");
        if (!parsed) return fail(parsed.error());
        if (parsed->sockets.size() > k_handed_sockets_max) {
            return fail(ErrorCode::invalid, "handed: more sockets than a line may bring");
        }
        return std::move(*parsed);
    }
    if (const auto* refused = object->if_contains("refused")) {
        MOLN_ASSIGN(auto reason,
                    from_json<std::string>(*refused, UnknownFields::ignore, "refused"));
        return HandOverRefused{std::move(reason)};
    }
    if (object->contains("left")) return HandOverLeft{};
    if (const auto* flows = object->if_contains("flows")) {
        auto parsed = from_json<HandedFlows>(*flows, UnknownFields::ignore, "flows");
        if (!parsed) return fail(parsed.error());
        if (parsed->flows.size() > k_handed_sockets_max) {
            return fail(ErrorCode::invalid, "flows: more than a line may bring");
        }
        return std::move(*parsed);
    }
    return HandOverOther{};
}

namespace {

// `all` in pieces of what a line may bring, in their order; at least one.
template <typename T>
std::vector<std::vector<T>> in_lines(std::vector<T> all) {
    std::vector<std::vector<T>> lines(1);
    for (T& one : all) {
        if (lines.back().size() == k_handed_sockets_max) lines.emplace_back();
        lines.back().push_back(std::move(one));
    }
    return lines;
}

}  // namespace

std::vector<Handed> in_parts(Handed all) {
    std::vector<Handed> parts;
    auto lines = in_lines(std::exchange(all.sockets, {}));
    all.sockets = std::move(lines.back());
    all.last = true;
    lines.pop_back();
    for (auto& line : lines) parts.emplace_back().sockets = std::move(line);
    parts.push_back(std::move(all));
    return parts;
}

std::vector<HandedFlows> in_parts(std::vector<HandedFlow> all) {
    std::vector<HandedFlows> parts;
    for (auto& line : in_lines(std::move(all))) parts.emplace_back().flows = std::move(line);
    parts.back().last = true;
    return parts;
}

}  // namespace moln::edge
