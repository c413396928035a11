-- +goose Up

-- Quotas are named as LimitExceeded writes them.
UPDATE quota SET name = 'ServerCertificatesPerAccount' WHERE name = 'ServerCertificates';
UPDATE quota SET name = 'CertificatesPerUser' WHERE name = 'SigningCertificatesPerUser';
UPDATE quota SET name = 'MFADevicesPerUser' WHERE name = 'MfaDevicesPerUser';
