#include "runtime/edge/body_source.h"

#include <algorithm>
#include <utility>

#include "runtime/edge/file_reader.h"

namespace moln::edge_loop {

std::optional<std::string_view> BodySource::next(std::size_t most) {
    const FileExtent* extent = body_.extent();
    if (extent == nullptr) {
        const auto piece = body_.look(cursor_).substr(0, most);
        body_.advance(cursor_, piece.size());
        return piece;
    }
    if (!file_) return std::nullopt;
    piece_.resize(std::min<std::uint64_t>(most, extent->bytes - at_));
    const auto got = read_file_bytes(*file_, extent->at + at_, piece_, Patience::any);
    if (!std::cmp_equal(got, piece_.size())) return std::nullopt;
    at_ += piece_.size();
    return piece_;
}

}  // namespace moln::edge_loop
