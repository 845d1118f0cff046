// Which certificate speaks for which host: rules over names and times, pure. Not what stands in a
// certificate: reading and issuing them is ports/certificates.h.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "model/edge.h"
#include "model/resources.h"

namespace moln {

inline constexpr Milliseconds k_local_certificate_life = days(90);
inline constexpr Milliseconds k_authority_life = days(3650);
inline constexpr Milliseconds k_expiry_warning = days(14);

// A name that no public authority certifies: localhost, *.localhost, *.local, *.test, *.internal,
// *.home.arpa (RFC 6761, 6762, 8375) and names of one label. A wildcard is one only if two labels
// follow the star, since clients take no other. Never "*".
bool is_local_host(std::string_view host);

// Whether a certificate's name speaks for `host`: the same, or a star for exactly its first label
// (RFC 6125, 6.4.3).
bool name_covers(std::string_view name, std::string_view host);

bool is_valid(const Certificate& certificate, WallTime now);

// What an edge with this snapshot serves a host with: the certificate of its own name, else that of
// the star above it; null: none. Of "*.example.org" the star's own.
const EdgeCertificate* serving_certificate(const EdgeSnapshot& edge, std::string_view host);

// When a third of its life is left.
WallTime renewal_time(const Certificate& certificate);

// The best certificate of every name: a valid one first, then one added by file before one that a
// public authority gave before one of our own, of those added by file the last, then the one that
// ends later, then the greater id.
// Holds pointers into `all`.
class CertificateIndex {
public:
    CertificateIndex(const std::map<CertificateId, Certificate>& all, WallTime now);

    // What serves this host, null: nothing does. Its own name goes before a star, unless only the
    // latter is valid, or it is of a better source. Of "*.example.org" the star's own.
    const Certificate* find(std::string_view host) const;

    // The certificate that bears just this name, whatever else covers it.
    const Certificate* bearer(std::string_view name) const;

    // Whether one of `all` is the best of any of its names.
    bool is_best(const Certificate& certificate) const;

    const std::map<std::string, const Certificate*, std::less<>>& names() const { return names_; }

private:
    std::map<std::string, const Certificate*, std::less<>> names_;
    WallTime now_;
};

}  // namespace moln
