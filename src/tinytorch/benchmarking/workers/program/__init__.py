"""The worker program: a process of its own that holds one subject and measures it on request.

Any Python from 3.9 on runs it, by the path of `launch.py`: it needs the standard library only, and imports nothing of
the TinyTorch it lies in, so that what is measured may come from another environment or another checkout.
"""
