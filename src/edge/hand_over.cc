#include "edge/hand_over.h"

#include <algorithm>
#include <iterator>
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
    return HandOverOther{};
}

std::vector<Handed> in_parts(Handed all) {
    std::vector<Handed> parts;
    auto rest = std::exchange(all.sockets, {});
    while (rest.size() > k_handed_sockets_max) {
        const auto end = rest.begin() + static_cast<std::ptrdiff_t>(k_handed_sockets_max);
        Handed& part = parts.emplace_back();
        std::move(rest.begin(), end, std::back_inserter(part.sockets));
        rest.erase(rest.begin(), end);
    }
    all.sockets = std::move(rest);
    all.last = true;
    parts.push_back(std::move(all));
    return parts;
}

}  // namespace moln::edge
