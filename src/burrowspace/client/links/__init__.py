"""Direct connections between the two ends: TCP, hole punching, WebRTC."""
