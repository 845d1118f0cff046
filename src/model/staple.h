// What an authority says of a certificate (OCSP, RFC 6960), for the edges to staple to their
// handshakes (RFC 6066 8): what is merely seen of it. What it said lies in Certificate::staple.
#pragma once

#include <cstdint>
#include <string>

#include "base/units.h"

namespace moln {

inline constexpr std::size_t k_staple_bytes_max = 16 * 1024;  // of a response, as DER

// What a certificate itself says of it, and whether it can be served at all.
struct StapleFacts {
    std::string responder;     // "http://ocsp.example.org/…"; "": nobody is to be asked
    bool must_staple = false;  // clients that know it take it with a staple alone (RFC 7633)
    WallTime staple_from;      // of the staple that is kept; 0: there is none
    bool key_lost = false;     // its private key was sealed with a key that is no more
    friend bool operator==(const StapleFacts&, const StapleFacts&) = default;
};

// An answer that says that the certificate is good.
struct Staple {
    std::string response;  // base64 of its DER
    WallTime from;
    WallTime until;
    friend bool operator==(const Staple&, const Staple&) = default;
};

// Of one certificate.
struct StapleSeen {
    std::string fingerprint;      // that the facts are of
    std::string sealed_key = {};  // and that they are of
    StapleFacts facts;
    bool asking = false;        // this daemon, at this moment
    Staple answer;              // the last good one; of "" nothing came yet
    std::int64_t failures = 0;  // in a row
    MonoTime retry;
    std::string reason;    // of the last failure
    bool revoked = false;  // so its authority said last, signed
    friend bool operator==(const StapleSeen&, const StapleSeen&) = default;
};

}  // namespace moln
